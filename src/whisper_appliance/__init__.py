"""Whisper Appliance: audio in, words out, on a machine of your own."""

__version__ = "0.1.1"
