"""Webhooks: signatures, addresses, attempts and retries."""
