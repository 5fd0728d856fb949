"""Stretches of a recording in several languages. Decoder and detector are scripted by time."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.contract import WindowResult
from whisper_appliance.engines.vad import FRAME
from whisper_appliance.transcript.model import Segment
from whisper_appliance.transcription.languages import MainLanguage, by_language, in_one_language
from whisper_appliance.transcription.segmentation import SpeechSpan

GERMAN_SECONDS = 5.0


def span(seconds: float, pause_at: float = GERMAN_SECONDS) -> SpeechSpan:
    """Speech with a pause of 0.5 s."""
    frames = round(seconds * SAMPLE_RATE / FRAME)
    times = (frame * FRAME / SAMPLE_RATE for frame in range(frames))
    voice = tuple(0.05 if pause_at <= time < pause_at + 0.5 else 0.95 for time in times)
    return SpeechSpan(0, frames * FRAME, 0, voice)


def result(language: str, probability: float, seconds: float = 20.0, logprob: float = -0.3) -> WindowResult:
    segment = Segment(0.0, seconds, f" {language}", logprob, tokens=(1,), language=language)
    return WindowResult((segment,), language, probability, decoded_seconds=seconds)


def decoder(asked: list[str | None], logprobs: dict[str, float] | None = None) -> Callable[..., WindowResult]:
    def decode(part: SpeechSpan, language: str | None) -> WindowResult:
        asked.append(language)
        seconds = (part.stop - part.start) / SAMPLE_RATE
        return result(language or "?", 1.0, seconds, (logprobs or {}).get(language or "", -0.3))

    return decode


def detect(parts: list[SpeechSpan]) -> list[WindowResult]:
    """German before `GERMAN_SECONDS`, then English."""
    return [result("de" if part.start < GERMAN_SECONDS * SAMPLE_RATE else "en", 0.98) for part in parts]


def test_a_window_in_two_languages_is_decoded_in_both() -> None:
    asked: list[str | None] = []
    mixed = by_language(span(20), result("de", 0.7), MainLanguage(), decoder(asked), detect)
    assert asked == ["de", "en", "de"]
    assert [segment.language for segment in mixed.segments] == ["de", "en"]
    assert abs(mixed.segments[1].start - GERMAN_SECONDS) < 0.6
    assert mixed.language == "en"


def test_a_sure_window_with_a_part_in_another_language_is_decoded_in_both() -> None:
    asked: list[str | None] = []
    sure = replace(result("de", 0.99), may_be_mixed=True)
    for main in (MainLanguage(), MainLanguage("de", 1.0, settled=True)):
        mixed = by_language(span(20), sure, main, decoder(asked), detect)
        assert [segment.language for segment in mixed.segments] == ["de", "en"]


def test_a_window_whose_pieces_are_in_one_language_is_taken_as_it_is() -> None:
    asked: list[str | None] = []
    sure = replace(result("en", 0.99), may_be_mixed=True)

    def english(parts: list[SpeechSpan]) -> list[WindowResult]:
        return [result("en", 0.98) for _ in parts]

    assert by_language(span(20), sure, MainLanguage(), decoder(asked), english) == sure
    assert asked == []


def test_a_window_that_is_surely_in_the_main_language_is_taken_as_it_is() -> None:
    asked: list[str | None] = []
    main = MainLanguage("en", 1.0, settled=True)
    assert by_language(span(20), result("en", 0.97), main, decoder(asked), detect) == result("en", 0.97)
    assert asked == []


def test_an_unsure_window_is_decoded_in_the_main_language() -> None:
    asked: list[str | None] = []
    main = MainLanguage("en", 1.0, settled=True)
    assert by_language(span(20), result("la", 0.3), main, decoder(asked), detect).language == "en"
    assert asked == ["en"]


def test_another_language_needs_the_more_confident_text() -> None:
    main = MainLanguage("en", 1.0, settled=True)

    def latin(parts: list[SpeechSpan]) -> list[WindowResult]:
        return [result("la", 0.95) for _ in parts]

    for logprobs, expected in (({"en": -0.5}, "en"), ({"en": -1.2}, "la")):
        found = by_language(
            span(20), result("la", 0.9, logprob=-0.9), main, decoder([], {"la": -0.9, **logprobs}), latin
        )
        assert found.language == expected


@pytest.mark.parametrize("main", [MainLanguage(), MainLanguage("en", 1.0, settled=True)])
def test_a_piece_that_is_detected_as_another_language_needs_the_more_confident_text(
    main: MainLanguage,
) -> None:
    def welsh_first(parts: list[SpeechSpan]) -> list[WindowResult]:
        return [result("cy", 0.91), *(result("en", 0.97) for _ in parts[1:])]

    sure = replace(result("en", 0.97), may_be_mixed=True)
    asked: list[str | None] = []
    found = by_language(span(20), sure, main, decoder(asked, {"cy": -1.4}), welsh_first)
    assert found == sure
    assert asked == ["cy", "en", "en"]


def test_the_main_language_is_settled_by_the_first_sure_window() -> None:
    main = MainLanguage()
    for language, probability in (("la", 0.3), ("de", 0.9), ("en", 1.0)):
        main.add(result(language, probability))
    assert (main.language, main.probability, main.settled) == ("de", 0.9, True)


def three_pieces() -> SpeechSpan:
    """Speech with a pause after 4 s and after 10 s."""
    parts = span(20)
    pauses = [
        0.05 if 4 <= at * FRAME / SAMPLE_RATE % 6 < 4.5 else 0.95 for at in range(len(parts.probabilities))
    ]
    return SpeechSpan(parts.start, parts.stop, 0, tuple(pauses[: round(14 * SAMPLE_RATE / FRAME)]))


def test_a_piece_may_be_less_sure_of_a_language_of_which_another_is_sure() -> None:
    asked: list[str | None] = []

    def english_then_german(parts: list[SpeechSpan]) -> list[WindowResult]:
        found = (("en", 0.6), ("en", 0.95), ("de", 0.98))
        return [result(*one) for one in (found if len(parts) > 2 else found[::2])]

    by_language(three_pieces(), result("de", 0.7), MainLanguage(), decoder(asked), english_then_german)
    assert asked == ["en", "de", "de"]


@pytest.mark.parametrize(("probabilities", "languages"), [((0.8, 0.85), ["es", "en"]), ((0.85, 0.6), ["es"])])
def test_two_pieces_after_each_other_may_be_less_sure_of_their_language(
    probabilities: tuple[float, float], languages: list[str]
) -> None:
    def spanish_then_english(parts: list[SpeechSpan]) -> list[WindowResult]:
        return [result("es", 0.99), *(result("en", one) for one in probabilities)]

    asked: list[str | None] = []
    mixed = by_language(
        three_pieces(),
        replace(result("es", 0.97), may_be_mixed=True),
        MainLanguage(),
        decoder(asked),
        spanish_then_english,
    )
    assert [segment.language for segment in mixed.segments] == languages


def test_windows_hold_one_language_if_an_unsure_one_has_no_piece_in_another() -> None:
    def english(parts: list[SpeechSpan]) -> list[WindowResult]:
        return [result("la", 0.6), *(result("en", 0.98) for _ in parts[1:])]

    spans = [span(20), span(20)]
    for probes, detector, expected in (
        ((("en", 0.7), ("en", 0.6)), detect, True),
        ((("en", 0.95), ("la", 0.3)), detect, True),
        ((("en", 0.95), ("la", 0.51)), english, True),
        ((("en", 0.7), ("la", 0.51)), english, True),
        ((("en", 0.95), ("de", 0.6)), detect, False),
        ((("en", 0.95), ("de", 0.97)), english, False),
        ((("la", 0.51), ("en", 0.4)), english, False),
    ):
        assert in_one_language(spans, [result(*one) for one in probes], detector) is expected
