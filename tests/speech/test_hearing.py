"""How the decoder's tokens become phrases, and when a window is heard again. A scripted decoder, no model."""

from typing import Any

import numpy as np

from whisper_appliance.speech.engine import Options, Samples, Window
from whisper_appliance.speech.engines.decoding import Decoding
from whisper_appliance.speech.engines.hearing import Hearing, phrases_of
from whisper_appliance.speech.transcript import Segment

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

    def __init__(self, *answers: Decoding) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[int, float]] = []
        self.encoded: list[tuple[float, bool]] = []

    def tokenizer(self, language: str, task: str) -> Letters:
        return Letters()

    def encode(self, samples: Samples, *, whole: bool = False) -> None:
        self.encoded.append((len(samples) / 16_000, whole))

    def detect_language(self, encoded: Any) -> tuple[str, float]:
        return "de", 0.8

    def prompt(self, tokenizer: Any, options: Options, previous_text: str | None) -> list[int]:
        return []

    def decode(
        self,
        encoded: Any,
        prompt: list[int],
        tokenizer: Any,
        new_tokens: int,
        beam_size: int,
        temperature: float,
    ) -> Decoding:
        self.asked.append((beam_size, temperature))
        return self.answers.pop(0)

    def add_words(
        self, segments: list[Segment], tokenizer: Any, encoded: Any, seconds: float
    ) -> list[Segment]:
        return segments


def answer(*tokens: int, logprob: float = -0.2, no_speech: float = 0.0, compression: float = 1.2) -> Decoding:
    return Decoding(list(tokens), logprob, no_speech, compression, 0.0)


def window(seconds: float, **options: Any) -> Window:
    return Window(np.zeros(round(seconds * 16_000), np.float32), Options(**{"language": "en", **options}))


def test_timestamps_cut_the_text_into_phrases() -> None:
    phrases, heard = phrases_of([*said(" a", 0, 2), *said(" b", 2.5, 4)], BEGIN, EOT, 10.0)
    assert [(start, end) for start, end, _ in phrases] == [(0.0, 2.0), (2.5, 4.0)]
    assert heard == 4.0


def test_what_is_said_behind_the_end_of_the_audio_was_invented() -> None:
    phrases, heard = phrases_of([*said(" a", 0, 4.96), *said(" b", 5, 6)], BEGIN, EOT, 5.0)
    assert len(phrases) == 1
    assert heard == 5.0


def test_text_without_a_closing_timestamp_reaches_to_the_end() -> None:
    phrases, heard = phrases_of(said(" a", 1, None), BEGIN, EOT, 5.0)
    assert [(start, end) for start, end, _ in phrases] == [(1.0, 5.0)]
    assert heard == 5.0


def test_a_sure_answer_is_taken_at_once() -> None:
    decoder = ScriptedDecoder(answer(*said(" hello", 0, 5)))
    result = Hearing(decoder, window(5)).result()
    assert result.text == " hello"
    assert decoder.asked == [(1, 0.0)]


def test_where_the_decoder_stops_early_it_is_asked_again_from_there() -> None:
    decoder = ScriptedDecoder(answer(*said(" one", 0, 6)), answer(*said(" two", 0, 4)))
    result = Hearing(decoder, window(10)).result()
    assert [(s.text, s.start, s.end) for s in result.segments] == [(" one", 0.0, 6.0), (" two", 6.0, 10.0)]
    assert [seconds for seconds, _ in decoder.encoded] == [10.0, 4.0]


def test_a_sequential_reader_goes_on_by_itself() -> None:
    decoder = ScriptedDecoder(answer(*said(" one", 0, 6)))
    samples = np.zeros(160_000, np.float32)
    result = Hearing(
        decoder, Window(samples, Options(language="en", quality="accurate"), to_the_end=False)
    ).result()
    assert result.heard_seconds == 6.0
    assert decoder.encoded == [(10.0, True)]
    assert decoder.asked == [(5, 0.0)]


def test_a_bad_answer_is_tried_with_beam_search_and_then_warmer() -> None:
    bad = answer(*said(" ha ha", 0, 5), compression=3.0)
    decoder = ScriptedDecoder(bad, bad, bad, answer(*said(" fine", 0, 5)))
    assert Hearing(decoder, window(5)).result().text == " fine"
    assert decoder.asked == [(1, 0.0), (5, 0.0), (1, 0.2), (1, 0.4)]


def test_fast_does_not_try_again() -> None:
    decoder = ScriptedDecoder(answer(*said(" ha ha", 0, 5), compression=3.0))
    Hearing(decoder, window(5, quality="fast")).result()
    assert decoder.asked == [(1, 0.0)]


def test_a_window_without_speech_gives_nothing_and_says_so() -> None:
    decoder = ScriptedDecoder(answer(*said(" Thank you.", 0, 5), logprob=-1.5, no_speech=0.9))
    result = Hearing(decoder, window(5)).result()
    assert result.segments == ()
    assert [(d.text, d.reason) for d in result.dropped] == [("Thank you.", "no speech")]


def test_an_unknown_language_is_detected_from_the_same_encoding() -> None:
    decoder = ScriptedDecoder(answer(*said(" hallo", 0, 5)))
    result = Hearing(decoder, window(5, language=None)).result()
    assert (result.language, result.language_probability) == ("de", 0.8)
    assert len(decoder.encoded) == 1
