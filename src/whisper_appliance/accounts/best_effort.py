"""Small notes that a request leaves behind, such as when somebody was last here."""

import sqlalchemy as sa
import structlog

from whisper_appliance.core.errors import DiskFull, Unavailable
from whisper_appliance.storage.database import Database

log = structlog.get_logger()


def mark(database: Database, note: sa.Update) -> None:
    """Writes a note that nobody misses: on a full disk, or beside a busy database, work goes on without."""
    try:
        with database.write() as connection:
            connection.execute(note)
    except (DiskFull, Unavailable) as error:
        log.debug("not noted", reason=error.message)
