"""The stored transcripts: rows, search, ownership, storage usage."""
