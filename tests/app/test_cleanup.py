"""Regular clean-up of an appliance."""

import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.application import StartAppliance
from tests.support.wait import wait_until
from whisper_appliance.app.housekeeping import Housekeeping
from whisper_appliance.core.clock import written
from whisper_appliance.jobs.cluster import ROWS_KEPT_DAYS
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.jobs import jobs


def add_ended_job(database: Database, id: str, *, days_ago: float) -> None:
    """A job that ended so long ago, without a transcript."""
    moment = written(datetime.now(UTC) - timedelta(days=days_ago))
    row = {"id": id, "owner": "ann", "status": "cancelled", "priority": 2, "progress": 0.0}
    row |= {"title": "talk", "filename": "talk.wav", "source": "upload", "options": "{}"}
    row |= {"audio": f"uploads/{id}", "audio_bytes": 4, "attempts": 1, "cancel_requested": False}
    with database.write() as connection:
        connection.execute(jobs.insert().values(created=moment, finished=moment, **row))


def test_old_jobs_are_deleted_although_no_new_job_starts_the_queue(
    start_appliance: StartAppliance, tmp_path: Path, empty_sqlite: Path
) -> None:
    database = Database(f"sqlite:///{shutil.copy(empty_sqlite, tmp_path)}")
    for id, days_ago in (("old", ROWS_KEPT_DAYS + 1), ("new", ROWS_KEPT_DAYS - 1)):
        add_ended_job(database, id, days_ago=days_ago)
    database.close()
    appliance = start_appliance(data_dir=tmp_path)

    def ids() -> list[str]:
        with appliance.database.read() as connection:
            return list(connection.execute(jobs.select().with_only_columns(jobs.c.id)).scalars())

    wait_until(lambda: ids() == ["new"])


def test_nothing_is_cleaned_up_right_after_the_clock_was_set_ahead() -> None:
    moved, read, rounds = 0.0, 0, list[int]()

    def clock() -> float:
        nonlocal read
        read += 1
        return time.time() + moved

    def clean_up() -> None:
        nonlocal moved
        rounds.append(read)
        moved = 370 * 24 * 3600.0

    housekeeping = Housekeeping({"clean up": clean_up}, 0.01, clock=clock)
    housekeeping.start()
    wait_until(lambda: len(rounds) > 2)
    housekeeping.close()
    first, second, third = rounds[:3]
    assert (second - first, third - second) == (2, 1), "it is read once a round"
