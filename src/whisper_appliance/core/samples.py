"""Audio in memory."""

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
"""Mono samples at 16 kHz, float32 in [-1, 1], 1-D."""
