"""Shorter pauses between attempts, for programs of tests; that pauses grow has tests of its own."""

from whisper_appliance.engines.process import supervisor
from whisper_appliance.jobs import cluster, failures, heartbeat, job_runner, workers
from whisper_appliance.storage import database


def shorten_pauses() -> None:
    """To be called before the program starts."""
    failures.LONGEST_PAUSE_SECONDS = 2.5  # not less: tests read that a job waits
    job_runner.RETRY_SECONDS = 1.0
    cluster.LAUNCH_RETRY_SECONDS = 0.5
    supervisor.STILL_POLLS = 10
    database.IDLE_IN_TRANSACTION_SECONDS = 5


def shorten_heartbeats(stale_after_seconds: float) -> None:
    """The other workers take the jobs of one over that is silent for so long."""
    vars(workers)["STALE_AFTER_SECONDS"] = stale_after_seconds  # it is of the schema
    cluster.CUT_OFF_SECONDS = stale_after_seconds / 2
    heartbeat.HEARTBEAT_INTERVAL_SECONDS = stale_after_seconds / 20
