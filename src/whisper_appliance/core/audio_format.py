"""Internal audio format: 16 kHz mono. Without numpy, because the decoder process starts without it."""

SAMPLE_RATE = 16_000
"""Samples a second."""
PCM_RATES = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""Rates that live protocols take of samples without a header; an odd rate needs a huge filter to resample."""
