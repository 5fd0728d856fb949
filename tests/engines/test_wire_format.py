"""Requests to a process arrive as they were sent, and nothing else is taken for one."""

import json
import math
import os
import pickle
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import MISSING, fields, is_dataclass
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from tests.support.engines import load_scripted
from whisper_appliance.diarization.contract import DiarizerSpec
from whisper_appliance.diarization.process.child import Received
from whisper_appliance.engines.contract import EngineSpec, NamedVoice, Options, Window
from whisper_appliance.engines.process.loader import given_loader, loader_name
from whisper_appliance.engines.process.messages import DecodeWindows, DetectSpeech, Exit, Request
from whisper_appliance.engines.process.wire_format import MAX_PART_BYTES, BadMessage, receive, send
from whisper_appliance.translation.contract import TranslatorSpec

SAMPLES = np.array([0.0, -1.0, 0.1, np.inf, 1e-30], np.float32)
UNENCODABLE = Path(os.fsdecode(b"/models/\xff \xc3\xa4"))
OPTIONS = Options(
    "de", "translate", "accurate", True, 'a "prompt"\n', "Ä“ \U0001f600", 0.1 + 0.2, 7, False, 2**62, 2,
    ("de", "en"), "separate", True, 3, (NamedVoice("Ä", (math.inf, -0.5)), NamedVoice("", ())),
)  # fmt: skip
WINDOW = Window(SAMPLES, OPTIONS, (1, 2), False, "before", 1.5, "alone", True, "text")
FULL = [
    (EngineSpec, EngineSpec("auto", "tiny", UNENCODABLE, "cuda", "int8", 3, 2**40)),
    (DiarizerSpec, DiarizerSpec("sherpa", Path("relative/model"), 2**31)),
    (TranslatorSpec, TranslatorSpec("marian", "en", "pt", Path("/models"), 2**30)),
    (Request, DecodeWindows(1, [WINDOW, WINDOW], True)),
    (Request, DetectSpeech(2, 3, SAMPLES)),
]
SPARSE = [
    (DiarizerSpec, DiarizerSpec("sherpa")),
    (Request, DecodeWindows(0, [Window(SAMPLES[:0], Options(temperature=0))], False)),
    (Request, DetectSpeech(2, 3, None)),
    (Request, DetectSpeech(2, 3, SAMPLES[::2])),
    (Request, Exit()),
    (Received, SAMPLES),
    (Received, 3),
    (Received, None),
    (list[str] | None, ["one", "\ud800", ""]),
    (list[str] | None, None),
]


@pytest.fixture
def pipe() -> Iterator[tuple[Connection, Connection]]:
    ours, theirs = Pipe()
    with closing(ours), closing(theirs):
        yield ours, theirs


@pytest.mark.parametrize(("expected", "message"), FULL + SPARSE, ids=lambda each: type(each).__name__)
def test_a_request_arrives_as_it_was_sent(
    pipe: tuple[Connection, Connection], expected: Any, message: object
) -> None:
    send(pipe[0], message)
    assert repr(receive(pipe[1], expected)) == repr(message)
    assert not pipe[1].poll()


def test_the_requests_of_these_tests_have_all_classes_and_fields() -> None:
    assert {type(message) for expected, message in FULL + SPARSE if expected is Request} == {
        *get_args(Request)
    }
    assert [name for _, message in FULL for name in defaults_in(message)] == []


def defaults_in(value: object) -> Iterator[str]:
    """The fields of a dataclass, and of those in it, that have their default."""
    for part in value if isinstance(value, list | tuple) else ():
        yield from defaults_in(part)
    for field in fields(value) if is_dataclass(value) else ():
        part = getattr(value, field.name)
        if field.default is not MISSING and repr(part) == repr(field.default):
            yield f"{type(value).__name__}.{field.name}"
        yield from defaults_in(part)


def test_samples_arrive_as_an_array_of_float32_that_may_be_changed(
    pipe: tuple[Connection, Connection],
) -> None:
    send(pipe[0], SAMPLES.astype(">f4"))
    received = receive(pipe[1], Received)
    received += 1
    assert received.dtype == np.float32
    np.testing.assert_array_equal(received, SAMPLES + 1)


class Touch:
    """Unpickling it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_a_pickled_request_is_refused_and_runs_nothing(
    pipe: tuple[Connection, Connection], tmp_path: Path
) -> None:
    pipe[0].send_bytes(pickle.dumps(Touch(tmp_path / "touched")))
    with pytest.raises(BadMessage):
        receive(pipe[1], Request)
    assert not (tmp_path / "touched").exists()


SPEC = {"engine": "auto", "model": "m", "path": "/", "device": "", "compute_type": "", "workers": 1}


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff",
        b"null",
        b"[" * 100_000,
        b'"Exit"',
        b'{"Exit": null}',
        b'{"Exit": {"more": 1}}',
        b'{"Exit": {}, "DetectSpeech": {}}',
        b'{"os:abort": {}}',
        b'{"DetectSpeech": {"number": 1, "stream": 2}}',
        b'{"DetectSpeech": {"number": "1", "stream": 2, "samples": null}}',
        b'{"DetectSpeech": {"number": true, "stream": 2, "samples": null}}',
        b'{"DetectSpeech": {"number": 1, "stream": 2, "samples": [0.5]}}',
        b'{"DecodeWindows": {"number": 1, "windows": {"Window": {}}, "urgent": true}}',
        b'{"DecodeWindows": {"number": 1, "windows": [{"Options": {}}], "urgent": true}}',
        json.dumps({"EngineSpec": {**SPEC, "max_memory_bytes": 0}}).encode(),
    ],
    ids=lambda head: str(head[:70]),
)
def test_what_is_no_request_is_refused(pipe: tuple[Connection, Connection], head: bytes) -> None:
    pipe[0].send_bytes(head)
    with pytest.raises(BadMessage):
        receive(pipe[1], Request)


@pytest.mark.parametrize(
    "wrong", [{"path": None}, {"workers": 1.5}, {"model": ["m"]}, {"device": {"samples": "<f4"}}], ids=str
)
def test_a_field_of_another_type_is_refused(
    pipe: tuple[Connection, Connection], wrong: dict[str, object]
) -> None:
    for changed in ({}, wrong):
        spec = {**SPEC, "max_memory_bytes": 0, **changed}
        pipe[0].send_bytes(json.dumps({"EngineSpec": spec}).encode())
    assert receive(pipe[1], EngineSpec) == EngineSpec("auto", "m", Path("/"), "", "")
    with pytest.raises(BadMessage):
        receive(pipe[1], EngineSpec)


def test_samples_that_are_cut_off_are_refused(pipe: tuple[Connection, Connection]) -> None:
    pipe[0].send_bytes(b'{"DetectSpeech": {"number": 1, "stream": 2, "samples": {"samples": "<f4"}}}')
    pipe[0].send_bytes(bytes(7))
    with pytest.raises(BadMessage):
        receive(pipe[1], Request)


@pytest.mark.parametrize("parts_before", [[], [b'{"samples": "<f4"}']], ids=["head", "samples"])
def test_a_giant_part_of_a_request_is_not_read(
    pipe: tuple[Connection, Connection], parts_before: list[bytes]
) -> None:
    for part in parts_before:
        pipe[0].send_bytes(part)
    os.write(pipe[0].fileno(), struct.pack("!i", MAX_PART_BYTES + 1))
    with pytest.raises(OSError, match="bad message length"):
        receive(pipe[1], Received)


@pytest.mark.parametrize("part", [{1}, 1j, b"bytes", np.float32(1), EngineSpec], ids=str)
def test_what_has_no_form_is_not_sent(pipe: tuple[Connection, Connection], part: object) -> None:
    with pytest.raises(TypeError):
        send(pipe[0], [part])
    assert not pipe[1].poll()


def test_a_loader_is_imported_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    name = loader_name(load_scripted)
    assert name == "tests.support.engines:load_scripted"
    monkeypatch.setattr("sys.argv", ["start", "3", "/model", name])
    default: Callable[..., object] = print
    assert given_loader(default) is load_scripted
    monkeypatch.setattr("sys.argv", ["start", "3", "/model", loader_name(None)])
    assert given_loader(default) is default


@pytest.mark.parametrize(
    "load", [lambda _: None, partial(load_scripted), Path("/").exists], ids=["lambda", "partial", "method"]
)
def test_a_loader_that_cannot_be_imported_is_refused(load: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="is no function of a module"):
        loader_name(load)
