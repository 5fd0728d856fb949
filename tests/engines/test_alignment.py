"""When words were said, without asking the decoder again, next to what it says when it is asked again."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.audio import samples_of
from whisper_appliance.engines.contract import Options, Window
from whisper_appliance.engines.onnx import alignment
from whisper_appliance.engines.onnx.model import OnnxModel
from whisper_appliance.engines.onnx.whisper import DecoderSession
from whisper_appliance.engines.whisper.window_decoder import decode_windows

pytestmark = pytest.mark.slow  # decodes with a real model


@pytest.fixture(scope="module")
def model(tiny_en: Path) -> OnnxModel:
    return OnnxModel(tiny_en)


@pytest.mark.parametrize("known", ["", "Ever tried. Ever failed."])
def test_word_times_come_from_attention_recorded_while_decoding(
    model: OnnxModel, beckett: Path, cities: Path, monkeypatch: pytest.MonkeyPatch, known: str
) -> None:
    options = Options(language="en", word_timestamps=True)
    windows = [
        Window(samples_of(beckett), options, prefix_text=known, prefix_seconds=2.0 if known else 0.0),
        Window(samples_of(cities, 0.0, 9.0), options),
    ]
    at_once = decode_windows(model, windows)
    monkeypatch.setattr(
        alignment, "EncodedWithAttention", type("Nothing", (), {})
    )  # then the decoder is asked again
    again = decode_windows(model, windows)
    assert [one.text for one in at_once] == [one.text for one in again]
    words = [word for result in at_once for segment in result.segments for word in segment.words]
    same = [word for result in again for segment in result.segments for word in segment.words]
    assert [word.word for word in words] == [word.word for word in same]
    assert len(words) > 20
    apart = [
        (word.start - twin.start, word.end - twin.end, word.probability - twin.probability)
        for word, twin in zip(words, same, strict=True)
    ]
    assert np.abs(apart).max(axis=0)[:2] == pytest.approx([0, 0], abs=0.6)
    assert np.abs(apart).mean(axis=0) == pytest.approx([0, 0, 0], abs=0.15)
    assert np.abs(apart).mean(axis=0)[:2] == pytest.approx([0, 0], abs=0.05)


def test_word_times_need_no_second_decoder_run(
    model: OnnxModel, beckett: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked_again(*_: object) -> None:
        pytest.fail("asked again")

    monkeypatch.setattr(DecoderSession, "attention", asked_again)
    (result,) = decode_windows(
        model, [Window(samples_of(beckett), Options(language="en", word_timestamps=True))]
    )
    assert result.segments[0].words
