"""The names that people gave to recordings, files, keys and themselves, so that redaction can remove them."""

from collections.abc import Iterator

import sqlalchemy as sa

from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import keys, users
from whisper_appliance.storage.schema.jobs import jobs
from whisper_appliance.storage.schema.library import transcripts

MAX_NAMES = 20_000
"""Of each column; the newest are taken."""


def personal_names(database: Database) -> Iterator[str]:
    """Titles, file names, names of users and keys. None if the database does not answer."""
    columns = (
        (transcripts.c.title, transcripts.c.number),
        (jobs.c.title, jobs.c.number),
        (jobs.c.filename, jobs.c.number),
        (users.c.name, users.c.number),
        (keys.c.name, keys.c.created),
    )
    try:
        with database.read() as connection:
            for column, age in columns:
                newest = sa.select(column).order_by(age.desc()).limit(MAX_NAMES)
                yield from connection.execute(newest).scalars()
    except ApplianceError:
        return  # redaction still removes quotations, tokens and values from outside
