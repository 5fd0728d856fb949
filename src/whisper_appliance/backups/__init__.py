"""Backups: archives of everything, daily copies of the database, and restore."""
