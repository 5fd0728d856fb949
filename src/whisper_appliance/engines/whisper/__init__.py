"""Decoding of Whisper models, independent of the library that runs them."""
