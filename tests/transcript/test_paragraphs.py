"""Paragraphs end at a pause, at another turn, and at the end of a sentence once they are long."""

from itertools import pairwise

import pytest

from whisper_appliance.transcript.formats import export
from whisper_appliance.transcript.model import Segment, Transcript
from whisper_appliance.transcript.paragraphs import (
    LONG_CHARS,
    LONGEST_CHARS,
    PAUSE_SECONDS,
    paragraph_starts,
    paragraphs,
)

LONG = " so" * (LONG_CHARS // 3)


def transcript(*segments: Segment, language: str = "en", task: str = "transcribe") -> Transcript:
    return Transcript(segments, language, 0.9, 3600.0, task, "base", 1.5)


def spoken(*texts: str, language: str = "en", task: str = "transcribe") -> Transcript:
    """The texts one after the other, without a pause."""
    segments = (Segment(place, place + 1.0, text) for place, text in enumerate(texts))
    return transcript(*segments, language=language, task=task)


def test_a_long_pause_ends_a_paragraph() -> None:
    made = transcript(
        Segment(0, 1, " One."),
        Segment(1 + PAUSE_SECONDS / 2, 3, " Two."),
        Segment(3 + PAUSE_SECONDS, 5, " Three."),
    )
    assert paragraph_starts(made) == [0, 2]
    assert [(each.start, each.end, each.text) for each in paragraphs(made)] == [
        (0, 3, "One. Two."),
        (3 + PAUSE_SECONDS, 5, "Three."),
    ]


def test_another_speaker_or_channel_begins_a_paragraph() -> None:
    made = transcript(
        Segment(0, 1, " One.", speaker="Ada"),
        Segment(1, 2, " Two.", speaker="Bob"),
        Segment(2, 3, " Three.", speaker="Bob", channel=2),
    )
    assert paragraph_starts(made) == [0, 1, 2]


SENTENCE_ENDS = [
    ("en", " It ended.", " Then we went."),
    ("en", ' He asked, "Why?"', " Nobody knew."),
    ("de", " Das war gut.", " Dann gingen wir."),
    ("fr", " C'est fini.", " Ensuite il part."),
    ("hi", " यह घर है।", " वह गया।"),
    ("ar", " كيف حالك؟", " أنا بخير."),
    ("ja", "これは本です。", "それから行きました。"),
    ("zh", "你好吗？", "我很好。"),
]
NO_SENTENCE_ENDS = [
    ("en", " Margaret said Mr.", " Hale, as he came in"),
    ("en", " We saw Dr.", " Smith."),
    ("en", " The story of J.", " Smith"),
    ("en", " He said, well,", " that was it."),
    ("de", " Wir nehmen z. B.", " Äpfel mit."),
    ("de", " Frau Dr.", " Meier kam."),
    ("de", " Am 3.", " Oktober war es."),
    ("fr", " Bonjour M.", " Dupont."),
    ("es", " Entonces el Sr.", " García vino."),
    ("ja", "これは", "本です。"),
    ("th", "สวัสดีครับ", "วันนี้อากาศดี"),
]


@pytest.mark.parametrize(("language", "last", "following"), SENTENCE_ENDS)
def test_a_long_paragraph_ends_with_its_sentence(language: str, last: str, following: str) -> None:
    assert paragraph_starts(spoken(LONG, last, following, language=language)) == [0, 2]
    assert paragraph_starts(spoken(last, following, language=language)) == [0]


@pytest.mark.parametrize(("language", "last", "following"), NO_SENTENCE_ENDS)
def test_an_abbreviation_or_half_a_sentence_ends_no_paragraph(
    language: str, last: str, following: str
) -> None:
    assert paragraph_starts(spoken(LONG, last, following, language=language)) == [0]


def test_a_translation_is_read_as_english() -> None:
    made = spoken(LONG, " Then came Mr.", " Hale.", language="ja", task="translate")
    assert paragraph_starts(made) == [0]


def test_speech_without_punctuation_has_paragraphs_too() -> None:
    made = spoken(*[" and then he went on"] * 400)
    starts = paragraph_starts(made)
    assert len(starts) > 2
    assert all(stop - start <= LONGEST_CHARS / 20 + 1 for start, stop in pairwise(starts))
    wide = spoken(*["そして彼は続けた"] * 400, language="ja")
    assert len(paragraph_starts(wide)) > 2


def test_documents_have_the_same_paragraphs_and_subtitles_their_pieces() -> None:
    made = spoken(" One piece", " of a sentence.", " Another one.")
    assert export(made, "txt").decode() == "One piece of a sentence. Another one.\n"
    assert export(made, "md").decode() == "`0:00` One piece of a sentence. Another one.\n"
    assert export(made, "html").decode().count("<p dir=") == 1
    assert export(made, "srt").decode().count("-->") == 3
    assert export(made, "vtt").decode().count("-->") == 3


def test_a_transcript_without_words_has_no_paragraph() -> None:
    assert paragraph_starts(transcript()) == []
    assert paragraphs(spoken("  ", "")) == []
