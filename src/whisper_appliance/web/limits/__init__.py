"""Limits of requests, streams and sockets."""
