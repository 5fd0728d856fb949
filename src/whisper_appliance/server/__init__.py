"""The HTTP server: gunicorn workers, TLS, and the application that they serve."""
