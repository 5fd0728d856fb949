"""The one audio format inside the appliance: 16 kHz mono. No numpy: the decoder starts without it."""

SAMPLE_RATE = 16_000
"""Samples a second."""
