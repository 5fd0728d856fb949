"""Last-seen times of users, sessions and API keys: written at most once an interval, and best effort."""

from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from whisper_appliance.core.clock import written
from whisper_appliance.core.errors import DiskFull, Unavailable
from whisper_appliance.storage.database import Database

log = structlog.get_logger()


def is_due(last: str | None, moment: datetime, interval: timedelta) -> bool:
    """Whether a stored time is older than `interval` (or in the future, after the clock was set back)."""
    return last is None or not written(moment - interval) < last <= written(moment)


def write_best_effort(database: Database, statement: sa.Update) -> bool:
    """Runs an update that a request can do without; whether it changed a row.

    A full disk or a busy database is only logged.
    """
    try:
        with database.write() as connection:
            return connection.execute(statement).rowcount > 0
    except (DiskFull, Unavailable) as error:
        log.debug("best-effort update failed", reason=error.message)
        return False
