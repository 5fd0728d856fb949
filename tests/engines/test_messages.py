"""Responses of an engine's process: validated data, which runs nothing."""

import math
import pickle
from pathlib import Path

import pytest

from whisper_appliance.core.sandbox import Isolation
from whisper_appliance.engines.contract import WindowResult
from whisper_appliance.engines.process.messages import (
    BadResponse,
    EngineInfo,
    LoadFailed,
    Ready,
    RequestFailed,
    Response,
    SpeechDetected,
    WindowsDecoded,
    decode_response,
    encode_response,
)
from whisper_appliance.transcript.model import Dropped, Segment, Word

ISOLATION = Isolation("own", "the model and libraries", True, "filtered", "dropped")
WORD = Word(0.1, 0.7, " Ä“", 0.1 + 0.2)
SEGMENT = Segment(0.0, 1.0, " Ä“", -math.inf, tokens=(1, 2), words=(WORD,), language="de", channel=2)
RESULT = WindowResult((SEGMENT,), "de", 0.9, (Dropped(1.0, 2.0, "x", "y"),), 29.98, (50364, 1), 0.4)


@pytest.mark.parametrize(
    "response",
    [
        Ready(EngineInfo("onnx", "1", "cpu", "int8", True, ("a",), ISOLATION)),
        LoadFailed("no file"),
        WindowsDecoded(7, [RESULT, RESULT]),
        SpeechDetected(8, (0.1, 1.0)),
        SpeechDetected(8, None),
        RequestFailed(9, "why"),
    ],
    ids=lambda response: type(response).__name__,
)
def test_a_response_arrives_as_it_was_sent(response: Response) -> None:
    assert decode_response(encode_response(response)) == response


class Touch:
    """Unpickling it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_a_pickled_object_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadResponse):
        decode_response(pickle.dumps(Touch(tmp_path / "touched")))
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff",
        b"null",
        b"[1, 2, 3]",
        b'["Exit", {}]',
        b'[["Ready"], {}]',
        b'["WindowsDecoded", {"number": "x", "results": {"a": 1}}]',
        b'["WindowsDecoded", {"number": 1, "results": [{"segments": 5}]}]',
        b"[" * 100_000,
    ],
    ids=lambda message: str(message[:30]),
)
def test_what_is_no_response_is_refused(message: bytes) -> None:
    with pytest.raises(BadResponse):
        decode_response(message)
