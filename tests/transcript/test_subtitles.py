"""Export formats: cue times, line breaks, and complete text."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import width

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.transcript.codec import from_dict, to_dict
from whisper_appliance.transcript.formats import FORMATS, render
from whisper_appliance.transcript.model import Dropped, Notice, Provenance, Segment, Transcript, Word

CITIES = (
    " It was the best of times, it was the worst of times, it was the age of wisdom,"
    " it was the age of foolishness, it was the epoch of belief, it was the epoch of incredulity."
)


def transcript(*segments: Segment, language: str = "en", duration: float = 60.0) -> Transcript:
    return Transcript(segments, language, 0.98765, duration, "transcribe", "base", 1.5)


def spoken(text: str, start: float = 0.0, end: float = 10.0) -> Segment:
    """A segment whose words take equal time."""
    words = re.findall(r"\s*\S+", text)
    step = (end - start) / max(1, len(words))
    timed = tuple(
        Word(start + at * step, start + (at + 1) * step, word, 0.9) for at, word in enumerate(words)
    )
    return Segment(start, end, text, words=timed)


def parsed(subtitles: str) -> list[tuple[int, int, list[str]]]:
    """Start, end (ms) and lines of every cue of an SRT or VTT file, read by its grammar alone."""
    cues = []
    for block in re.split(r"\n\n+", subtitles.strip()):
        lines = block.split("\n")
        if lines[0].isdigit():
            del lines[0]
        if " --> " in lines[0]:
            start, end = (clock_ms(clock) for clock in lines[0].split(" --> "))
            cues.append((start, end, [line.replace("\u2060", "") for line in lines[1:]]))
    return cues


def clock_ms(clock: str) -> int:
    match = re.fullmatch(r"(\d\d+):(\d\d):(\d\d)[,.](\d\d\d)", clock)
    assert match
    hours, minutes, seconds, ms = map(int, match.groups())
    assert minutes < 60
    assert seconds < 60
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms


def test_every_format_has_a_media_type_and_an_extension() -> None:
    assert {"txt", "srt", "vtt", "json", "tsv", "docx", "pdf"} <= set(FORMATS)
    for name, format in FORMATS.items():
        assert format.extension == f".{name}"
        assert "/" in format.media_type


def test_srt_is_numbered_from_one_with_commas() -> None:
    shown = render(transcript(Segment(0.5, 2.0, " Hello there."), Segment(3.0, 4.25, " Bye.")), "srt")
    assert (
        shown == "1\n00:00:00,500 --> 00:00:02,000\nHello there.\n\n2\n00:00:03,000 --> 00:00:04,250\nBye.\n"
    )


def test_vtt_has_a_header_and_decimal_points() -> None:
    shown = render(transcript(Segment(0.5, 2.0, " Hello there.")), "vtt")
    assert shown == "WEBVTT\n\n00:00:00.500 --> 00:00:02.000\nHello there.\n"


def test_silence_gives_empty_files_that_are_still_valid() -> None:
    assert render(transcript(), "txt") == ""
    assert render(transcript(), "srt") == ""
    assert render(transcript(), "vtt") == "WEBVTT\n\n"
    assert render(transcript(), "tsv") == "start\tend\ttext\n"
    assert json.loads(render(transcript(), "json"))["segments"] == []


@pytest.mark.parametrize(
    ("seconds", "clock"),
    [
        (1.9999, "00:00:02,000"),
        (59.9996, "00:01:00,000"),
        (3599.9999, "01:00:00,000"),
        (360_000, "100:00:00,000"),
    ],
)
def test_times_are_rounded_to_milliseconds_before_they_are_split(seconds: float, clock: str) -> None:
    assert f" --> {clock}\n" in render(transcript(Segment(0, seconds, " Long."), duration=seconds + 1), "srt")


def test_tsv_counts_milliseconds_and_has_one_row_a_segment() -> None:
    shown = render(transcript(Segment(0.0, 1.2345, " a\tb\nc"), Segment(2, 3, " d")), "tsv")
    assert shown == "start\tend\ttext\n0\t1234\ta b c\n2000\t3000\td\n"


def test_txt_begins_a_new_line_after_a_pause() -> None:
    source = transcript(Segment(0, 2, " One."), Segment(2.2, 4, " Two."), Segment(8, 9, " Three."))
    assert render(source, "txt") == "One. Two.\nThree.\n"


def test_a_long_segment_becomes_balanced_cues_that_break_at_commas() -> None:
    shown = parsed(render(transcript(spoken(CITIES, 0, 14)), "srt"))
    lines = [line for _, _, lines in shown for line in lines]
    assert len(shown) > 1
    assert all(len(lines) <= 2 for _, _, lines in shown)
    assert all(line.endswith((",", ".")) for line in lines)
    assert max(map(len, lines)) <= 42


def test_a_cue_begins_and_ends_with_its_words() -> None:
    shown = parsed(render(transcript(spoken(CITIES, 0, 34)), "srt"))
    words = spoken(CITIES, 0, 34).words
    at = 0
    for start, end, lines in shown:
        count = len(" ".join(lines).split())
        assert start == round(words[at].start * 1000)
        assert end == round(words[at + count - 1].end * 1000)
        at += count


def test_without_words_the_times_are_shared_out_by_characters() -> None:
    shown = parsed(render(transcript(Segment(10, 24, CITIES)), "srt"))
    assert (shown[0][0], shown[-1][1]) == (10_000, 24_000)
    for start, end, lines in shown:
        share = len("".join("".join(lines).split())) / len("".join(CITIES.split()))
        assert (end - start) / 14_000 == pytest.approx(share, abs=0.001)


def test_a_pause_between_words_ends_the_cue() -> None:
    words = (Word(0, 0.5, " Wait", 1), Word(0.5, 1, " for", 1), Word(6, 6.5, " it.", 1))
    shown = parsed(render(transcript(Segment(0, 7, " Wait for it.", words=words)), "srt"))
    assert [(start, lines) for start, _, lines in shown] == [(0, ["Wait for"]), (6000, ["it."])]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (" The whole thing cost us about 12 000 000 dollars in the end of it", "12 000 000"),
        (" Yesterday in the evening we have met with Mr. Darcy at the ball", "Mr. Darcy"),
        (" Gestern Abend trafen wir auf dem großen Ball den Herrn Dr. Faust dort", "Dr. Faust"),
    ],
)
def test_a_number_and_a_name_with_its_title_stay_on_one_line(text: str, kept: str) -> None:
    for limit in range(18, 43):
        assert kept in render(transcript(Segment(0, 6, text)), "srt", max_line_chars=limit)


def test_japanese_breaks_between_characters_and_never_before_its_punctuation() -> None:
    text = (
        "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"
        "何でも薄暗いじめじめした所でニャーニャー泣いていた事だけは記憶している。"
    )
    shown = parsed(render(transcript(Segment(0, 20, text), language="ja"), "srt", max_line_chars=26))
    lines = [line for _, _, lines in shown for line in lines]
    assert "".join(lines) == text
    assert all(width(line) <= 26 for line in lines)
    assert not any(line[0] in "。、ーャ" for line in lines)


def test_thai_and_emoji_are_not_broken_inside_a_character() -> None:
    text = "น้ำที่นี่ใสมากและปลาก็ว่ายไปมาอยู่ใต้น้ำอย่างมีความสุข👨‍👩‍👧👨‍👩‍👧"
    shown = parsed(render(transcript(Segment(0, 20, text), language="th"), "srt", max_line_chars=8))
    lines = [line for _, _, lines in shown for line in lines]
    assert "".join(lines) == text
    assert not any(
        line[0] in "\u0e31\u0e34\u0e35\u0e36\u0e37\u0e38\u0e39\u0e47\u0e48\u0e49\u0e33\u200d"
        for line in lines
    )
    assert sum(line.count("👨‍👩‍👧") for line in lines) == 2


def test_text_cannot_break_out_of_its_cue() -> None:
    evil = " one\n\n2\n00:00:01,000 --> 00:00:02,000\r\n\r\n<b>two</b> & three\u2028four\x00\x0b"
    for format in ("srt", "vtt"):
        shown = render(transcript(Segment(0, 3, evil)), format, max_line_chars=200)
        assert len(parsed(shown)) == 1
        assert shown.count("-->") == 1
        assert not re.search("[\x00-\x09\x0b-\x1f\u2028]", shown)
    assert "&lt;b&gt;two&lt;/b&gt; &amp; three four" in shown
    assert render(transcript(Segment(0, 3, evil)), "txt").count("\n") == 1


def test_a_short_cue_is_extended_and_tiny_gaps_are_closed() -> None:
    source = transcript(Segment(0, 0.2, " Yes."), Segment(5, 7.0, " No."), Segment(7.05, 9, " Maybe."))
    assert [(start, end) for start, end, _ in parsed(render(source, "srt"))] == [
        (0, 800),
        (5000, 7050),
        (7050, 9000),
    ]


def test_an_unknown_format_is_refused_with_the_list_of_formats() -> None:
    with pytest.raises(InvalidRequest, match="txt, srt, vtt, json, tsv") as refused:
        render(transcript(), "odt")
    assert refused.value.field == "format"


def test_json_has_the_documented_fields() -> None:
    source = replace(
        transcript(spoken(" Hi you.", 0, 1.00049), Segment(1, 2, " Bye.")),
        warnings=(Notice("damaged", "Good until 0:02."),),
        dropped=(Dropped(2, 3, " Thanks for watching!", "boilerplate over silence"),),
    )
    data = to_dict(source)
    assert set(data) == {
        "text", "language", "language_probability", "duration", "model", "task", "processing_seconds",
        "segments", "warnings", "dropped", "provenance", "languages",
    }  # fmt: skip
    assert data["text"] == "Hi you. Bye."
    assert [segment["id"] for segment in data["segments"]] == [0, 1]
    assert data["segments"][0]["words"][1] == {"start": 0.5, "end": 1.0, "word": " you.", "probability": 0.9}
    assert set(data["segments"][1]) == {
        "id", "key", "start", "end", "text", "avg_logprob", "no_speech_prob", "compression_ratio",
    }  # fmt: skip
    assert data["dropped"][0]["reason"] == "boilerplate over silence"


def test_a_transcript_survives_json() -> None:
    provenance = Provenance(
        "faster-whisper", "1.2", "base", "ab", "int8", {"beam_size": 5}, "cd", "0.1", 50.0
    )
    source = replace(transcript(spoken(" Hi you.", 0, 1)), language_probability=0.5, provenance=provenance)
    assert from_dict(json.loads(render(source, "json"))) == source


# Properties of any transcript

times = st.floats(0, 40_000, allow_nan=False)
letters = st.text("aZ09'<>&-", min_size=1, max_size=14)
prose = st.lists(
    st.tuples(letters, st.sampled_from(["", "", ",", "."])).map("".join), min_size=1, max_size=40
).map(lambda words: " " + " ".join(words))
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@st.composite
def segments(draw: st.DrawFn, texts: st.SearchStrategy[str] = prose) -> Segment:
    """Segments as an engine gives them and worse: backwards, overlapping, with and without words."""
    start, end, text = draw(times), draw(times), draw(texts)
    return spoken(text, start, end) if draw(st.booleans()) else Segment(start, end, text)


@given(st.lists(segments(prose | anything), max_size=6), st.sampled_from(["srt", "vtt"]))
def test_cues_are_in_order_apart_and_not_empty(source: list[Segment], format: str) -> None:
    now = 0
    for start, end, lines in parsed(render(transcript(*source), format)):
        assert now <= start < end
        assert lines
        now = end


@given(st.lists(segments(), max_size=4), st.integers(5, 60), st.integers(1, 3))
def test_no_line_is_too_long_unless_it_is_one_word_and_no_cue_has_too_many(
    source: list[Segment], max_chars: int, max_lines: int
) -> None:
    for _, _, lines in parsed(
        render(transcript(*source), "srt", max_line_chars=max_chars, max_lines=max_lines)
    ):
        assert 1 <= len(lines) <= max_lines
        assert all(len(line) <= max_chars or " " not in line for line in lines)


@given(st.lists(segments(), max_size=4), st.integers(5, 60))
def test_every_word_is_kept_in_order(source: list[Segment], max_chars: int) -> None:
    shown = parsed(render(transcript(*source), "srt", max_line_chars=max_chars))
    words = [word for _, _, lines in shown for line in lines for word in line.split()]
    assert words == [word for segment in source for word in segment.text.replace("-->", "→").split()]


@given(segments(anything), st.integers(2, 20), st.sampled_from(["ja", "th", "en"]))
def test_any_text_is_kept_except_spaces_and_control_characters(
    source: Segment, max_chars: int, language: str
) -> None:
    shown = parsed(render(transcript(source, language=language), "srt", max_line_chars=max_chars))
    letters = "".join("".join("".join(lines).split()) for _, _, lines in shown)
    assert letters.replace("→", "-->") == re.sub(
        "[\x00-\x1f\x7f-\x9f]", "", "".join(source.text.split())
    ).replace("→", "-->")


@given(st.lists(segments(prose | anything), max_size=3))
def test_json_tsv_and_txt_take_any_text(source: list[Segment]) -> None:
    whole = transcript(*source)
    texts = [kept for s in source if (kept := s.text.replace("\ufffd", "")).strip()]
    assert [segment.text for segment in from_dict(json.loads(render(whole, "json"))).segments] == texts
    rows = render(whole, "tsv").split("\n")
    assert len(rows) == len(texts) + 2
    assert all(row.count("\t") == 2 for row in rows[:-1])
    assert "\n\n" not in render(whole, "txt")
