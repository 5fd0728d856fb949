"""How the tests send files."""

import io
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from whisper_appliance.appliance import Appliance


def send(client: FlaskClient, words: str = "one two", name: str = "talk.wav", **fields: Any) -> TestResponse:
    return client.post("/transcribe", data={**fields, "file": (io.BytesIO(words.encode()), name)})


def uploads(appliance: Appliance) -> list[Path]:
    return list((appliance.settings.data_dir / "uploads").iterdir())
