"""Segmentation: speech is cut into windows at pauses."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.contract import MAX_WINDOW_SECONDS
from whisper_appliance.engines.vad import FRAME_SECONDS
from whisper_appliance.transcription.segmentation import SegmentationConfig, SpeechSpan, segment_speech


def cut(
    *stretches: tuple[float, float], vad: bool = True, config: SegmentationConfig | None = None
) -> list[SpeechSpan]:
    """The windows of a recording made of (seconds, probability) stretches."""
    frames = [np.full(round(seconds / FRAME_SECONDS), p, np.float32) for seconds, p in stretches]
    return list(segment_speech(frames, config or SegmentationConfig(), vad=vad))


def seconds(span: SpeechSpan) -> tuple[float, float]:
    return span.start / SAMPLE_RATE, span.stop / SAMPLE_RATE


def test_speech_between_silences_is_one_window_with_a_margin() -> None:
    (window,) = cut((5, 0.0), (4, 0.9), (5, 0.0))
    start, stop = seconds(window)
    assert 4.5 <= start <= 5
    assert 9 <= stop <= 9.5


def test_silence_gives_no_window() -> None:
    assert cut((60, 0.02)) == []


def test_without_the_vad_silence_is_cut_into_windows_too() -> None:
    windows = cut((60, 0.02), vad=False)
    assert windows[0].start == 0
    assert windows[-1].stop >= 59.9 * SAMPLE_RATE


def test_long_speech_is_cut_in_its_pauses() -> None:
    windows = cut((17, 0.9), (0.8, 0.1), (12, 0.9), (0.8, 0.1), (5, 0.9))
    first_pause = (17, 17.8)
    assert first_pause[0] <= windows[0].stop / SAMPLE_RATE <= first_pause[1]


def test_the_first_window_of_long_speech_is_cut_earlier() -> None:
    early = SegmentationConfig(first_seconds=8)
    pauses = (7, 0.9), (0.5, 0.1), (15, 0.9), (0.8, 0.1), (20, 0.9)
    first, second, *_ = cut(*pauses, config=early)
    assert 7 <= first.stop / SAMPLE_RATE <= 7.5
    assert 22.5 <= second.stop / SAMPLE_RATE <= 23.3
    assert len(cut((7, 0.9), (0.5, 0.1), (15, 0.9), config=early)) == 1


def test_a_click_is_not_speech() -> None:
    assert cut((5, 0.0), (0.06, 0.9), (5, 0.0)) == []


def test_a_long_pause_ends_a_window() -> None:
    assert len(cut((5, 0.9), (5, 0.0), (5, 0.9))) == 2
    assert len(cut((5, 0.9), (2, 0.0), (5, 0.9))) == 1


@given(
    st.lists(st.tuples(st.floats(0.05, 40), st.floats(0, 1)), max_size=12),
    st.booleans(),
    st.sampled_from([5.0, 10.0, 20.0, 30.0]),
)
def test_windows_are_in_order_apart_and_short_enough(
    stretches: list[tuple[float, float]], vad: bool, target: float
) -> None:
    windows = cut(*stretches, vad=vad, config=SegmentationConfig(target_seconds=target))
    end = 0
    for window in windows:
        assert window.start >= end
        assert window.stop > window.start
        assert window.stop - window.start <= MAX_WINDOW_SECONDS * SAMPLE_RATE
        end = window.stop


@given(st.lists(st.tuples(st.floats(0.3, 30), st.sampled_from([0.0, 0.9])), min_size=1, max_size=8))
def test_no_speech_is_lost(stretches: list[tuple[float, float]]) -> None:
    windows = cut(*stretches)
    position = 0.0
    for length, probability in stretches:
        length = round(length / FRAME_SECONDS) * FRAME_SECONDS
        if probability > 0.5:
            covered = sum(
                max(0.0, min(w.stop / SAMPLE_RATE, position + length) - max(w.start / SAMPLE_RATE, position))
                for w in windows
            )
            assert covered >= length - 0.05
        position += length
