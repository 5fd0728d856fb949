"""A translator in a process of its own, behind the sandbox of engines."""
