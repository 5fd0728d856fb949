"""How tokens become phrases, and when a window is decoded again. A scripted decoder, no model."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import Options, Window, WindowResult
from whisper_appliance.engines.whisper.decoder_api import DecodeRequest, DecodeResult, Part
from whisper_appliance.engines.whisper.window_decoder import (
    ENCODER_STEPS_PER_SECOND,
    decode_windows,
    good_cost,
    split_at_timestamps,
    step_cost,
)
from whisper_appliance.transcript.model import Segment

EOT, BEGIN = 50257, 50364


def at(seconds: float) -> int:
    return BEGIN + round(seconds / 0.02)


class Letters:
    """A tokenizer whose tokens are characters."""

    eot = EOT
    timestamp_begin = BEGIN

    def decode(self, tokens: list[int]) -> str:
        return "".join(chr(token) for token in tokens)

    def encode(self, text: str) -> list[int]:
        return [ord(character) for character in text]


def said(text: str, start: float, end: float | None) -> list[int]:
    return [at(start), *Letters().encode(text), *([] if end is None else [at(end)])]


class ScriptedDecoder:
    """Answers with the decodings it was given, one after the other."""

    multilingual = True
    batches_any_length = False

    def __init__(self, *answers: DecodeResult) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[int, tuple[float, ...]]] = []
        self.known: list[tuple[str, int]] = []
        self.together: list[int] = []
        self.encoded: list[tuple[float, float]] = []
        self.languages: list[dict[str, float]] = [{"en": 0.05, "de": 0.8, "nl": 0.15}]
        """In the whole window, and in its parts."""
        self.parts: list[Part] = []
        self._tokenizer = Letters()

    def tokenizer(self, language: str, task: str) -> Letters:
        return self._tokenizer

    def encode(self, samples: Samples, seconds: float) -> Any:
        self.encoded.append((len(samples) / 16_000, seconds))
        return np.zeros((1, round(seconds * 50)))

    def language_probabilities(self, encoded: Any, parts: Sequence[Part] = ()) -> list[Mapping[str, float]]:
        self.parts = list(parts)
        return [self.languages[0], *(self.languages[-1] for _ in parts)]

    def prompt(self, tokenizer: Any, options: Options, previous: Sequence[int]) -> list[int]:
        return []

    def decode(self, asks: Sequence[DecodeRequest]) -> list[DecodeResult]:
        self.asked += [(ask.beam_size, ask.temperatures) for ask in asks]
        self.known += [(self._tokenizer.decode(list(ask.prefix_tokens)), ask.new_tokens) for ask in asks]
        self.together.append(len(asks))
        return [self.answers.pop(0) for _ in asks]

    def add_word_timestamps(
        self, segments: list[Segment], tokenizer: Any, encoded: Any, seconds: float
    ) -> list[Segment]:
        return segments


def answer(
    *tokens: int, logprob: float = -0.2, no_speech: float = 0.0, compression: float = 1.2
) -> DecodeResult:
    return DecodeResult(list(tokens), logprob, no_speech, compression, 0.0)


def window(seconds: float, **options: Any) -> Window:
    return Window(np.zeros(round(seconds * 16_000), np.float32), Options(**{"language": "en", **options}))


def decode_one(decoder: ScriptedDecoder, window: Window) -> WindowResult:
    return decode_windows(decoder, [window])[0]


def test_timestamps_cut_the_text_into_phrases() -> None:
    phrases, decoded_to = split_at_timestamps([*said(" a", 0, 2), *said(" b", 2.5, 4)], BEGIN, EOT, 10.0)
    assert [(start, end) for start, end, _ in phrases] == [(0.0, 2.0), (2.5, 4.0)]
    assert decoded_to == 4.0


GIVEN = "The committee of the northern harbour met again today."


@pytest.mark.parametrize(
    ("unaided", "written"),
    [
        (" Ask not what your country can do for you.", " Ask not what your country can do for you."),
        (" The comity of the northern harbor met again to day.", f" {GIVEN}"),  # it was said
        ("", ""),
    ],
)
def test_a_prompt_is_written_only_where_it_was_said(unaided: str, written: str) -> None:
    answers = [answer(*said(f" {GIVEN}", 0, 5)), answer(*(said(unaided, 0, 5) if unaided else ()))]
    decoder = ScriptedDecoder(*answers)
    assert decode_one(decoder, window(5, prompt=GIVEN)).text == written
    assert decoder.answers == []


def test_segments_after_the_end_of_the_audio_are_dropped() -> None:
    phrases, decoded_to = split_at_timestamps([*said(" a", 0, 4.96), *said(" b", 5, 6)], BEGIN, EOT, 5.0)
    assert len(phrases) == 1
    assert decoded_to == 5.0


def test_text_without_a_closing_timestamp_reaches_to_the_end() -> None:
    phrases, decoded_to = split_at_timestamps(said(" a", 1, None), BEGIN, EOT, 5.0)
    assert [(start, end) for start, end, _ in phrases] == [(1.0, 5.0)]
    assert decoded_to == 5.0


def test_a_sure_answer_is_taken_at_once() -> None:
    decoder = ScriptedDecoder(answer(*said(" hello", 0, 5)))
    result = decode_one(decoder, window(5))
    assert result.text == " hello"
    assert decoder.asked == [(1, ())]


def test_a_prefix_is_passed_once_and_leaves_tokens_for_the_rest() -> None:
    decoder = ScriptedDecoder(answer(*said(" it was", 0, 2)), answer(*said(" best", 0, 3)))
    told = replace(window(5), prefix_text=" it was", prefix_seconds=2.0)
    assert decode_one(decoder, told).text == " it was best"
    assert decoder.known == [(" it was", len(" it was") + 3 * 8 + 12), ("", 3 * 8 + 12)]


def test_a_decoder_that_stops_early_continues_from_the_last_timestamp() -> None:
    decoder = ScriptedDecoder(answer(*said(" one", 0, 6)), answer(*said(" two", 0, 4)))
    result = decode_one(decoder, window(10))
    assert [(s.text, s.start, s.end) for s in result.segments] == [(" one", 0.0, 6.0), (" two", 6.0, 10.0)]
    assert decoder.encoded == [(10.0, 13.0), (4.0, 7.0)]


def read_on(*tokens: int) -> WindowResult:
    decoder = ScriptedDecoder(answer(*tokens))
    accurate = Options(language="en", quality="accurate")
    result = decode_one(decoder, Window(np.zeros(160_000, np.float32), accurate, decode_to_end=False))
    assert decoder.encoded == [(10.0, 30.0)]
    assert decoder.asked == [(5, ())]
    return result


def test_a_sequential_reader_reads_again_what_did_not_end() -> None:
    result = read_on(*said(" one", 0, 6), *said(" two", 6, None))
    assert (result.text, result.decoded_seconds) == (" one", 6.0)
    assert result.tokens == (*said(" one", 0, 6),)


def test_a_lone_timestamp_ends_the_window() -> None:
    result = read_on(*said(" one", 0, 4), *said(" two", 4, 6))
    assert (result.text, result.decoded_seconds) == (" one two", 10.0)


UNSURE = answer(*said(" hollow", 0, 5), logprob=-0.6)
SURE = answer(*said(" hello", 0, 5), logprob=-0.45)
SURER = answer(*said(" hello", 0, 5), logprob=-0.55)
LOOP = answer(*said(" ha ha", 0, 5), compression=3.0)


@pytest.mark.parametrize(
    ("answers", "text", "asked"),
    [
        pytest.param([SURE], " hello", 1, id="sure"),
        pytest.param([UNSURE, SURER], " hello", 2, id="unsure"),
        pytest.param([UNSURE, LOOP], " hollow", 2, id="a loop of the beams"),
    ],
)
def test_an_unsure_first_window_is_searched_with_beams(
    answers: list[DecodeResult], text: str, asked: int
) -> None:
    decoder = ScriptedDecoder(*answers)
    assert decode_one(decoder, replace(window(5), batch="alone")).text == text
    assert decoder.asked == [(1, ()), (5, ())][:asked]


def test_the_search_for_a_better_text_may_take_as_many_tokens() -> None:
    decoder = ScriptedDecoder(replace(UNSURE, tokens=said(" many tokens a word" * 2, 0, 5)), SURER)
    decode_one(decoder, replace(window(5), batch="alone"))
    assert [tokens for _, tokens in decoder.known] == [5 * 8 + 12] * 2


@pytest.mark.parametrize("options", [{"quality": "fast"}, {"beam_size": 2}, {"temperature": 0.4}, {}])
def test_no_other_window_is_searched_for_being_unsure(options: dict[str, Any]) -> None:
    decoder = ScriptedDecoder(UNSURE)
    asked = replace(window(5, **options), batch="alone" if options else "even")
    assert decode_one(decoder, asked).text == " hollow"


def test_a_bad_answer_is_tried_with_beam_search_and_then_warmer() -> None:
    bad = answer(*said(" ha ha", 0, 5), compression=3.0)
    decoder = ScriptedDecoder(bad, bad, answer(*said(" fine", 0, 5)))
    assert decode_one(decoder, window(5)).text == " fine"
    assert decoder.asked == [(1, ()), (5, ()), (1, (0.2, 0.4, 0.6, 0.8, 1.0))]


class LoopingDecoder(ScriptedDecoder):
    """Repeats a phrase until it has no more tokens, at every attempt; counts the steps of one row."""

    steps = 0.0

    def decode(self, asks: Sequence[DecodeRequest]) -> list[DecodeResult]:
        self.steps += sum(
            ask.new_tokens * step_cost(max(ask.beam_size, len(ask.temperatures))) for ask in asks
        )
        return [answer(*(Letters().encode("ha ") * 99)[: ask.new_tokens], compression=9.0) for ask in asks]


@pytest.mark.parametrize(("quality", "beams"), [("fast", 1), ("balanced", 1), ("accurate", 5)])
@pytest.mark.parametrize("seconds", [3, 10, 20, 30])
def test_a_window_that_loops_costs_at_most_three_good_ones(seconds: int, quality: str, beams: int) -> None:
    decoder = LoopingDecoder()
    decode_one(decoder, window(seconds, quality=quality))
    cost = seconds * ENCODER_STEPS_PER_SECOND + decoder.steps
    assert len(decoder.encoded) == 1
    assert 1.5 < cost / good_cost(seconds, beams) < 3.1


def test_quality_fast_decodes_a_window_once() -> None:
    decoder = ScriptedDecoder(answer(*said(" ha ha", 0, 5), compression=3.0))
    decode_one(decoder, window(5, quality="fast"))
    assert decoder.asked == [(1, ())]


def test_a_window_without_speech_has_no_segments_and_a_reason() -> None:
    decoder = ScriptedDecoder(answer(*said(" Thank you.", 0, 5), logprob=-1.5, no_speech=0.9))
    result = decode_one(decoder, window(5))
    assert result.segments == ()
    assert [(d.text, d.reason) for d in result.dropped] == [("Thank you.", "no speech")]


def test_what_is_dropped_behind_an_early_stop_has_the_times_of_the_window() -> None:
    stopped = answer(*said(" a", 0, 3))
    silence = answer(*said(" Thank you.", 0, 2), logprob=-1.5, no_speech=0.9)
    result = decode_one(ScriptedDecoder(stopped, silence), window(10, quality="fast"))
    assert [(d.start, d.end, d.reason) for d in result.dropped] == [(3.0, 10.0, "no speech")]


@pytest.mark.parametrize(
    ("candidates", "language", "probability"),
    [(("en", "nl"), "nl", 0.75), (("en", "xx"), "en", 1.0), (("xx",), "de", 0.8)],
)
def test_the_detected_language_is_one_of_the_candidates(
    candidates: tuple[str, ...], language: str, probability: float
) -> None:
    decoder = ScriptedDecoder(answer(*said(" hallo", 0, 5)))
    result = decode_one(decoder, window(5, language=None, languages=candidates))
    assert result.language == language
    assert result.language_probability == pytest.approx(probability)


def test_an_unknown_language_is_detected_from_the_same_encoding() -> None:
    decoder = ScriptedDecoder(answer(*said(" hallo", 0, 5)))
    result = decode_one(decoder, window(5, language=None))
    assert (result.language, result.language_probability) == ("de", 0.8)
    assert len(decoder.encoded) == 1


@pytest.mark.parametrize(
    ("in_a_part", "mixed"),
    [({"fr": 0.9, "de": 0.1}, True), ({"fr": 0.7, "de": 0.3}, False), ({"de": 1.0}, False)],
)
def test_a_window_may_be_mixed_if_a_part_is_surely_in_another_language(
    in_a_part: dict[str, float], mixed: bool
) -> None:
    decoder = ScriptedDecoder(answer(*said(" hello", 0, 12)))
    decoder.languages.append(in_a_part)
    result = decode_one(decoder, window(12, language=None))
    assert (result.language, result.may_be_mixed) == ("de", mixed)
    assert decoder.parts == [(0.0, 4.0), (4.0, 8.0), (8.0, 12.0)]


@pytest.mark.parametrize(("seconds", "language"), [(7, None), (20, "de")])
def test_parts_of_a_short_window_or_of_one_in_a_given_language_have_no_language(
    seconds: int, language: str | None
) -> None:
    decoder = ScriptedDecoder(answer(*said(" hello", 0, seconds)))
    assert not decode_one(decoder, window(seconds, language=language)).may_be_mixed
    assert decoder.parts == []
    assert len(decoder.encoded) == 1


def test_windows_are_decoded_together_each_to_its_own_end() -> None:
    bad = answer(*said(" ha ha", 0, 5), compression=3.0)
    decoder = ScriptedDecoder(
        answer(*said(" one", 0, 5)), bad, answer(*said(" a", 0, 3)),
        answer(*said(" two", 0, 4)), answer(*said(" b", 0, 3)),
    )  # fmt: skip
    results = decode_windows(decoder, [window(5), window(4), window(6)])
    assert [result.text for result in results] == [" one", " two", " a b"]
    assert decoder.together == [3, 1, 1]
    assert [seconds for _, seconds in decoder.encoded] == [9.0, 9.0, 9.0, 6.0]
