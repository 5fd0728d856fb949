"""Shorter pauses between attempts, for programs of tests; that pauses grow has tests of its own."""

from whisper_appliance.engines.process import supervisor
from whisper_appliance.jobs import cluster, failures, job_runner
from whisper_appliance.storage import database


def shorten_pauses() -> None:
    """To be called before the program starts."""
    failures.LONGEST_PAUSE_SECONDS = 2.5  # not less: tests read that a job waits
    job_runner.RETRY_SECONDS = 1.0
    cluster.LAUNCH_RETRY_SECONDS = 0.5
    supervisor.STILL_POLLS = 10
    database.IDLE_IN_TRANSACTION_SECONDS = 5
