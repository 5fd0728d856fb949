"""Who sends a request and what is allowed: sessions, visitors, CSRF, CORS."""
