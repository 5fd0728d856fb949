"""Processor time of another process, because a process that waits uses none."""

from contextlib import suppress

import psutil


def processor_seconds(pid: int) -> float:
    """The processor time that a process has used, also one that is not reaped yet; 0 if it is gone."""
    with suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)
    return 0.0
