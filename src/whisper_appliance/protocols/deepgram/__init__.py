"""Deepgram's WebSocket protocol for live speech."""
