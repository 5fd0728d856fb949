"""How the tests send files."""

import io
import time
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from whisper_appliance.app.appliance import Appliance


def send(client: FlaskClient, words: str = "one two", name: str = "talk.wav", **fields: Any) -> TestResponse:
    return client.post("/transcribe", data={**fields, "file": (io.BytesIO(words.encode()), name)})


def uploads(appliance: Appliance) -> list[Path]:
    """The uploads that are still there when all jobs have ended and have had the time to clear up."""
    folder = appliance.settings.data_dir / "uploads"
    give_up = time.monotonic() + 5
    while any(folder.iterdir()) and time.monotonic() < give_up:
        time.sleep(0.02)
    return list(folder.iterdir())
