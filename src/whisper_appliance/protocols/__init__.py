"""Protocols for live speech; each is a package of its own."""
