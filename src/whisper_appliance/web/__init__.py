"""Shared Flask machinery of pages, APIs and live protocols: auth, limits, errors, uploads, OpenAPI."""
