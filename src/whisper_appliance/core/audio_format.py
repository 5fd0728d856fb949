"""Internal audio format: 16 kHz mono. Without numpy, because the decoder process starts without it."""

SAMPLE_RATE = 16_000
"""Samples a second."""
