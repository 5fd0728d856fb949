"""Conformance: the requests of programs that people use, against any server, with checks of the responses."""
