"""The process of a translator: lines, progress, cancelling, failures. Real processes."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from tests.support.engines import check_confession, confession
from whisper_appliance.core.errors import Cancelled, EngineFailed, ModelUnavailable, Unavailable
from whisper_appliance.jobs.failures import FailureKind, kind_of
from whisper_appliance.translation.contract import TranslatorSpec
from whisper_appliance.translation.process.client import BATCH_CHARS, SERVICE, translate

pytestmark = pytest.mark.slow  # starts translator processes

SPEC = TranslatorSpec("scripted", "en", "pt")


class Shouting:
    """A translator into capitals that marks each sentence it gets."""

    def translate(self, lines: Sequence[str]) -> list[str]:
        return [f"<{line.upper()}>" for line in lines]


class Crashing(Shouting):
    def translate(self, lines: Sequence[str]) -> list[str]:
        os._exit(7)


class Endless(Shouting):
    def translate(self, lines: Sequence[str]) -> list[str]:
        return ["x" * 100_000 for _ in lines]


class Sending(Shouting):
    """Sends bytes in the place of an answer, and then one that would be right."""

    def __init__(self, message: bytes) -> None:
        self.message = message

    def translate(self, lines: Sequence[str]) -> list[str]:
        Connection(os.dup(int(sys.argv[1]))).send_bytes(self.message)
        return super().translate(lines)


def load_sending(spec: TranslatorSpec) -> Shouting:
    """The name of the translator is what it sends, in hexadecimal digits."""
    return Sending(bytes.fromhex(spec.translator))


class Hungry(Shouting):
    def translate(self, lines: Sequence[str]) -> list[str]:
        taken = [bytearray(os.urandom(2**20)) for _ in range(400)]
        signal.pause()
        return [str(len(taken))]


def load(_spec: TranslatorSpec) -> Shouting:
    return Shouting()


def load_nothing(_spec: TranslatorSpec) -> Shouting:
    raise ModelUnavailable("No model for this pair of languages is installed.")


class Waiting(Shouting):
    def translate(self, lines: Sequence[str]) -> list[str]:
        signal.pause()
        return []


def load_waiting(_spec: TranslatorSpec) -> Shouting:
    return Waiting()


def kill_translator() -> bool:
    """Kills the process of this test's translator; nothing is cancelled."""
    for child in psutil.Process().children():
        if SERVICE.module in child.cmdline():
            child.kill()
    return False


def load_crashing(_spec: TranslatorSpec) -> Shouting:
    return Crashing()


def load_endless(_spec: TranslatorSpec) -> Shouting:
    return Endless()


def load_hungry(_spec: TranslatorSpec) -> Shouting:
    return Hungry()


def load_confessing(spec: TranslatorSpec) -> Shouting:
    """Says what its process may do; the name of the translator is a port and a file."""
    port, _, secret = spec.translator.partition(" ")
    raise ModelUnavailable("{told}", told=confession(int(port), secret))


def test_a_translator_has_few_rights_no_network_and_nothing_of_our_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # as the service does in DATA_DIR
    monkeypatch.setenv("ADMIN_PASSWORD", "marker")
    (secret := tmp_path / "secret.key").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        spec = TranslatorSpec(f"{listener.getsockname()[1]} {secret}", "en", "pt")
        with pytest.raises(ModelUnavailable) as told:
            translate(["one"], spec, load=load_confessing)
    check_confession(str(told.value), secret)


def test_each_line_is_translated_sentence_by_sentence_and_empty_ones_stay() -> None:
    lines = [" Mr. Hale came. He sat.", "", "  ", " and left\nsoon"]
    assert translate(lines, SPEC, load=load) == ["<MR. HALE CAME.> <HE SAT.>", "", "", "<AND LEFT SOON>"]


def test_progress_is_told_while_a_long_text_is_translated() -> None:
    progress: list[float] = []
    lines = ["a" * (BATCH_CHARS // 2)] * 5
    assert len(translate(lines, SPEC, on_progress=progress.append, load=load)) == 5
    assert progress == [0.4, 0.8, 1.0]
    assert translate([], SPEC, load=load) == []


@pytest.mark.parametrize(
    ("loading", "error", "message"),
    [
        (load_nothing, ModelUnavailable, "No model for this pair"),
        (load_crashing, EngineFailed, "exit code 7"),
        (load_endless, EngineFailed, "no translation"),
    ],
)
def test_a_failure_has_its_reason(
    loading: Callable[[TranslatorSpec], Shouting], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        translate(["one"], SPEC, load=loading)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff",
        b"null",
        b"[" * 60_000,
        b"{}",
        b'{"lines": 5}',
        b'{"lines": [5]}',
        b'{"lines": ["a", "b"]}',
    ],
    ids=lambda message: str(message[:30]),
)
def test_what_is_no_answer_is_refused(message: bytes) -> None:
    with pytest.raises(EngineFailed) as error:
        translate(["one"], TranslatorSpec(message.hex(), "en", "pt"), load=load_sending)
    assert kind_of(error.value) is FailureKind.RECORDING


def test_a_process_that_is_killed_is_a_failure_of_the_machine() -> None:
    with pytest.raises(Unavailable, match="it was killed, perhaps because") as error:
        translate(["one"], SPEC, cancelled=kill_translator, load=load_waiting)
    assert kind_of(error.value) is FailureKind.MACHINE


def test_a_process_that_takes_too_much_memory_fails_the_text() -> None:
    with pytest.raises(EngineFailed, match=r"more than the 307 MB"):
        translate(
            ["one"],
            TranslatorSpec("scripted", "en", "pt", max_memory_bytes=int(0.3 * 2**30)),
            load=load_hungry,
        )


def test_a_cancelled_job_ends_the_process() -> None:
    with pytest.raises(Cancelled):
        translate(["one"], SPEC, cancelled=lambda: True, load=load)
