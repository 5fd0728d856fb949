"""The client for programs, against the real server over TLS."""
