"""The real server with the whole appliance, whose decoder and engines follow a script.

Live speech is of numbered words (tests/support/speech.py). An upload is a text, one word a window of
WINDOW_SECONDS; each window is written to the file WINDOW_LOG. The word "crash" kills the process as a file
that breaks native code does; "hold" takes as long as there is a file named so beside WINDOW_LOG.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.engines import ScriptedModels
from tests.support.jobs import Script
from tests.support.programs.pauses import shorten_pauses
from tests.support.speech import words_of
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.config import settings
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.jobs.storage import JobFolders
from whisper_appliance.jobs.transcription_job import JobSteps
from whisper_appliance.live.spool import WAV_HEADER_BYTES, samples_of
from whisper_appliance.protocols import registry
from whisper_appliance.server import serve
from whisper_appliance.server.application import create_app
from whisper_appliance.server.bind_port import listen

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

WINDOW_LOG = Path(os.environ.get("WINDOW_LOG", os.devnull))
WINDOW_SECONDS = float(os.environ.get("WINDOW_SECONDS", "0"))


def before_window(word: str) -> None:
    """Some words are commands."""
    if word == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    while word == "hold" and WINDOW_LOG.with_name("hold").exists():
        time.sleep(0.02)


@contextmanager
def decode(path: Path, sound: object = None) -> Iterator[Script.Words]:
    """The words of a text, or of a live recording."""
    content = path.read_bytes()
    if content.startswith(b"RIFF"):
        yield Script.Words([word.word.strip() for word in words_of(samples_of(content[WAV_HEADER_BYTES:]))])
    else:
        yield Script.Words(content.decode().split())


def scripted_steps(loaded: Settings, _models: object) -> JobSteps:
    """The steps of a job, without decoder and engine."""
    script = Script(WINDOW_SECONDS, WINDOW_LOG, before_window)
    folders = JobFolders(loaded.data_dir, loaded.storage_folder)
    folders.prepare()
    return script.steps(
        loaded.storage_folder, loaded.whisper_model, decode=decode, is_mounted=folders.are_mounted
    )


@contextmanager
def scripted(loaded: Settings, stopping: threading.Event) -> Iterator["WSGIApplication"]:
    """What `server.appliance_app` does, with a script in the place of speech."""
    with Appliance(
        loaded, stopping=stopping, make_steps=scripted_steps, live_models=ScriptedModels()
    ) as appliance:
        app = create_app(appliance)
        registry.start(app)
        registry.close_when(stopping, app)
        yield app


if __name__ == "__main__":
    shorten_pauses()
    try:
        loaded = settings.load()
        sys.exit(serve.serve(loaded, listen(loaded.host, loaded.https_port), scripted))
    except ApplianceError as error:
        sys.exit(error.message)
