"""Level: brings very faint speech, and peaks over full scale, to a level that fits voice detection."""

import numpy as np

from whisper_appliance.core.samples import Samples

BLOCK_SECONDS = 30.0
"""The level is measured in blocks of this length, so that a loud part hides no faint one."""
FAINTEST_PEAK, FAINT_PEAK, WANTED_PEAK = 10 ** (-80 / 20), 10 ** (-36 / 20), 10 ** (-12 / 20)
"""Below the faintest there is only the noise of converters; what is not faint stays as it is."""


def gain(block: Samples) -> float:
    """The factor for a block of samples; 1 for all but faint ones and those over full scale."""
    peak = float(np.abs(block).max(initial=0.0))
    if peak > 1.0:
        return 1.0 / peak
    return WANTED_PEAK / peak if FAINTEST_PEAK < peak < FAINT_PEAK else 1.0
