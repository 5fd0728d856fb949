"""The database: SQLite or PostgreSQL, its migrations and its tables."""
