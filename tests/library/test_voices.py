"""The switch of remembered voices holds for what is stored at the same time."""

import threading

import sqlalchemy as sa

from tests.support.library import transcript
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.library.voices import Voices, store_found
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import users
from whisper_appliance.storage.schema.library import found_voices

BLOCKED_SECONDS = 0.5
"""After which a call that does not wait has long ended."""


def a_user(database: Database, id: str) -> None:
    row = {"id": id, "name": id, "name_folded": id, "password": "", "role": "member", "created": ""}
    with database.write() as connection:
        connection.execute(users.insert().values(row))


def test_a_voice_that_a_job_stores_while_it_is_switched_off_is_forgotten_too(
    database: Database, history: TranscriptRepository
) -> None:
    a_user(database, "ann")
    voices = Voices(database)
    voices.switch("ann", on=True)
    id = history.add(transcript(), title="Talk", owner="ann")
    switching = threading.Thread(target=voices.switch, args=("ann",), kwargs={"on": False})
    with database.write() as connection:
        store_found(connection, id, "ann", {"Speaker 1": (1.0, 0.0)})
        switching.start()
        switching.join(BLOCKED_SECONDS)
    switching.join(10)
    with database.read() as reading:
        assert reading.execute(sa.select(sa.func.count()).select_from(found_voices)).scalar() == 0
