"""The diarizer's own process: takes windows from a pipe, answers each, and sends the turns at the end."""

from dataclasses import asdict
from multiprocessing.connection import Connection

import numpy as np

from whisper_appliance.core.samples import Samples
from whisper_appliance.diarization.contract import DiarizerSpec
from whisper_appliance.diarization.registry import load_diarizer
from whisper_appliance.engines.process.conversation import send_answer
from whisper_appliance.engines.process.loader import given_loader
from whisper_appliance.engines.process.wire_format import receive

Received = Samples | int | None
"""A window; what ends the recording is the number of its speakers, or None."""


def diarize(connection: Connection) -> None:
    """Loads the model, sends the length of windows, and takes windows until the end of the recording."""
    diarizer = given_loader(load_diarizer)(receive(connection, DiarizerSpec))
    send_answer(connection, window_seconds=diarizer.window_seconds, step_seconds=diarizer.step_seconds)
    while isinstance(received := receive(connection, Received), np.ndarray):
        diarizer.feed(received)
        send_answer(connection)
    send_answer(connection, **asdict(diarizer.finish(received)))
