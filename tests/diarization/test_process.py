"""The process of a diarizer: windows, cancelling, failures. Real processes, scripted voices."""

import itertools
import os
import signal
import socket
import sys
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import psutil
import pytest

from tests.support.engines import check_confession, confession
from whisper_appliance.audio.audio_source import AudioSource
from whisper_appliance.core.errors import Cancelled, EngineFailed, ModelUnavailable, Unavailable
from whisper_appliance.core.samples import Samples
from whisper_appliance.diarization.contract import Diarization, DiarizerSpec, Turn
from whisper_appliance.diarization.process.client import SERVICE, Load, diarize
from whisper_appliance.engines.contract import Options
from whisper_appliance.engines.process import conversation
from whisper_appliance.jobs.failures import FailureKind, kind_of
from whisper_appliance.transcript.model import Segment, Transcript
from whisper_appliance.transcription.speakers import with_speakers

pytestmark = pytest.mark.slow  # starts diarizer processes

RATE = 16_000
SPEC = DiarizerSpec("scripted")


class Loudness:
    """A diarizer for whom the loud one is another speaker than the quiet one."""

    window_seconds, step_seconds = 2.0, 1.0

    def __init__(self) -> None:
        self.turns: list[Turn] = []

    def feed(self, window: Samples) -> None:
        at = float(len(self.turns))
        self.turns.append(Turn(at, at + 1, int(window[:RATE].mean() > 0.5)))

    def finish(self, speakers: int | None) -> Diarization:
        return Diarization(tuple(self.turns), ((float(speakers or 0),),))


def load(_spec: DiarizerSpec) -> Loudness:
    return Loudness()


def load_nothing(_spec: DiarizerSpec) -> Loudness:
    raise ModelUnavailable("No model of speakers is installed.")


class Crashing(Loudness):
    def feed(self, window: Samples) -> None:
        os._exit(7)


def load_crashing(_spec: DiarizerSpec) -> Loudness:
    return Crashing()


class Still(Loudness):
    def feed(self, window: Samples) -> None:
        signal.pause()


def load_still(_spec: DiarizerSpec) -> Loudness:
    return Still()


class Endless(Loudness):
    def feed(self, window: Samples) -> None:
        while True:
            pass


def load_endless(_spec: DiarizerSpec) -> Loudness:
    return Endless()


class Sending(Loudness):
    """Sends bytes in the place of an answer."""

    def __init__(self, message: bytes) -> None:
        super().__init__()
        self.message = message

    def feed(self, window: Samples) -> None:
        Connection(os.dup(int(sys.argv[1]))).send_bytes(self.message)


def load_sending(spec: DiarizerSpec) -> Loudness:
    """The name of the diarizer is what it sends, in hexadecimal digits."""
    return Sending(bytes.fromhex(spec.diarizer))


def kill_diarizer() -> bool:
    """Kills the process of this test's diarizer; nothing is cancelled."""
    for child in psutil.Process().children():
        if SERVICE.module in child.cmdline():
            child.kill()
    return False


def load_confessing(spec: DiarizerSpec) -> Loudness:
    """Says what its process may do; the name of the diarizer is a port and a file."""
    port, _, secret = spec.diarizer.partition(" ")
    raise ModelUnavailable("{told}", told=confession(int(port), secret))


def recording(*loudness: float) -> AudioSource:
    """A second of each loudness."""
    samples = np.repeat(np.array(loudness, np.float32), RATE)
    source = SimpleNamespace(read=lambda start, stop: samples[start:stop], seconds=float(len(loudness)))
    return cast(AudioSource, source)


def test_a_diarizer_has_few_rights_no_network_and_nothing_of_our_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # as the service does in DATA_DIR
    monkeypatch.setenv("ADMIN_PASSWORD", "marker")
    (secret := tmp_path / "secret.key").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        spec = DiarizerSpec(f"{listener.getsockname()[1]} {secret}")
        with pytest.raises(ModelUnavailable) as told:
            diarize(recording(0), spec, load=load_confessing)
    check_confession(str(told.value), secret)


def test_windows_reach_the_process_and_its_turns_come_back() -> None:
    progress: list[float] = []
    found = diarize(recording(0, 1, 1, 0, 1), SPEC, 2, on_progress=progress.append, load=load)
    assert found.turns == (Turn(0, 1, 0), Turn(1, 2, 1), Turn(2, 3, 1), Turn(3, 4, 0))
    assert found.embeddings == ((2.0,),)
    assert progress == [0.25, 0.5, 0.75, 1.0]


def test_a_crash_is_an_error_with_a_reason() -> None:
    with pytest.raises(EngineFailed, match="exit code 7"):
        diarize(recording(0, 1), SPEC, load=load_crashing)


def test_a_diarizer_that_is_killed_costs_no_speakers_because_its_job_waits() -> None:
    segment = Segment(0.0, 1.0, " hello")
    transcript = Transcript((segment,), "en", 1.0, 1.0, "transcribe", "scripted", 0.0)
    killed = partial(diarize, spec=SPEC, load=load_still)

    def diarize_killed(recording: AudioSource, speakers: int | None, **_: object) -> Diarization:
        return killed(recording, speakers=speakers, cancelled=kill_diarizer)

    with pytest.raises(Unavailable, match="it was killed, perhaps because") as error:
        with_speakers(transcript, recording(0, 1), Options(diarize=True), diarize_killed)
    assert kind_of(error.value) is FailureKind.MACHINE


@pytest.mark.parametrize(
    ("loading", "kind"), [(load_still, FailureKind.MACHINE), (load_endless, FailureKind.RECORDING)]
)
def test_silence_is_a_failure_of_the_machine_unless_the_process_works(
    loading: Load, kind: FailureKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "ANSWER_SECONDS", 0.5)
    used = itertools.count(0, 10) if kind is FailureKind.RECORDING else itertools.repeat(0)
    monkeypatch.setattr(conversation, "processor_seconds", lambda _pid: float(next(used)))
    with pytest.raises(Unavailable, match="does not answer") as error:
        diarize(recording(0, 1), SPEC, load=loading)
    assert kind_of(error.value) is kind


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff",
        b"null",
        b"[" * 60_000,
        b'{"turns": 5}',
        b'{"turns": [{"start": 0, "end": 1, "speaker": 1e999}], "embeddings": []}',
        b'{"turns": [{"start": NaN, "end": 1, "speaker": 0}], "embeddings": []}',
        b'{"turns": [], "embeddings": [["x"]]}',
    ],
    ids=lambda message: str(message[:30]),
)
def test_what_is_no_answer_is_refused(message: bytes) -> None:
    with pytest.raises(EngineFailed) as error:
        diarize(recording(0, 1, 1), DiarizerSpec(message.hex()), load=load_sending)
    assert kind_of(error.value) is FailureKind.RECORDING


def test_a_model_that_is_not_there_is_said() -> None:
    with pytest.raises(ModelUnavailable, match="No model"):
        diarize(recording(0), SPEC, load=load_nothing)


def test_a_cancelled_job_ends_the_process() -> None:
    with pytest.raises(Cancelled):
        diarize(recording(0, 1), SPEC, cancelled=lambda: True, load=load)
