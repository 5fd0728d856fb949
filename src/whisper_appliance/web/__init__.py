"""Shared Flask machinery of pages, APIs and live protocols: authentication, limits, errors, uploads, OpenAPI."""
