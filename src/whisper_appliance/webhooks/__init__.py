"""Webhooks: signed messages about jobs that have ended, sent to the addresses that their users chose."""
