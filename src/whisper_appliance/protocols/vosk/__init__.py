"""Vosk's WebSocket protocol, as vosk-server speaks it."""
