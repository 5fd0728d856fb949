"""Transcripts of other programs are imported, and what was exported comes back as it was."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whisper_appliance.core.errors import ApplianceError, InvalidRequest
from whisper_appliance.transcript.formats import export
from whisper_appliance.transcript.formats.format import ExportOptions
from whisper_appliance.transcript.imports import read_transcript
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Segment, Transcript, Word
from whisper_appliance.transcript.times import with_valid_times

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co")), max_size=40)
SECONDS = st.floats(0, 100).map(lambda seconds: round(seconds, 3))
NAMES = st.sampled_from(["", "Ada", "B & <C>", "山田", "דנה"])


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    """Transcripts whose times hold, as they are stored."""
    texts = draw(st.lists(st.tuples(WORDS, SECONDS, SECONDS, NAMES), min_size=1, max_size=6))
    segments = tuple(
        Segment(
            start,
            end,
            f" {text}",
            speaker=speaker,
            words=(Word(start, end, f" {text}", 0.5),) if at % 2 else (),
        )
        for at, (text, start, end, speaker) in enumerate(texts)
    )
    return with_valid_times(Transcript(segments, "en", 0.9, 200.0, "transcribe", "base", 1.5))


def letters(transcript: Transcript) -> str:
    """What is written, without spaces, marks of formats and line breaks inside words."""
    return "".join(clean(transcript.text.replace("\u2060", "")).split())


@settings(max_examples=60)
@given(transcripts())
def test_our_json_comes_back_as_it_was(source: Transcript) -> None:
    given_file = export(source, "json", ExportOptions(title="Talk", created="2026-01-02T03:04:05.678Z"))
    imported = read_transcript(given_file, "any.json")
    assert (imported.title, imported.created) == ("Talk", "2026-01-02T03:04:05.678Z")
    assert replace(imported.transcript, extra={}) == source


@settings(max_examples=60)
@given(transcripts())
def test_webvtt_keeps_words_times_and_speakers(source: Transcript) -> None:
    if not letters(source):
        return
    imported = read_transcript(export(source, "vtt"), "x.vtt").transcript
    assert letters(imported) == letters(source)
    assert {each.speaker for each in imported.segments} <= {each.speaker for each in source.segments}
    assert export(imported, "vtt").decode().count("-->") >= len(imported.segments) - 1


@settings(max_examples=60)
@given(transcripts())
def test_srt_keeps_words_and_times(source: Transcript) -> None:
    silent = replace(source, segments=tuple(replace(each, speaker="") for each in source.segments))
    if not letters(silent):
        return
    written = export(silent, "srt")
    imported = read_transcript(written, "x.srt").transcript
    assert letters(imported) == letters(silent).replace("-->", "→")
    starts = [f"{each.start:.3f}" for each in imported.segments]
    assert starts == sorted(starts, key=float)
    assert len(starts) == written.count(b" --> ")


def test_whispers_json_is_read_with_its_words() -> None:
    words = [{"word": " Hello", "start": 0.0, "end": 0.5, "probability": 0.9}]
    segment = {"id": 0, "seek": 0, "start": 0.0, "end": 1.0, "text": " Hello", "tokens": [1], "words": words}
    source = {"text": " Hello", "segments": [segment], "language": "english"}
    transcript = read_transcript(json.dumps(source).encode(), "a.json").transcript
    assert transcript.language == "en"
    assert transcript.segments[0].words == (Word(0.0, 0.5, " Hello", 0.9),)


def test_whisperx_json_is_read_with_speakers_and_words_without_times() -> None:
    words = [
        {"word": "It", "start": 0.1, "end": 0.2, "score": 0.7, "speaker": "SPEAKER_01"},
        {"word": "1984"},
    ]
    segment = {"start": 0.1, "end": 1.0, "text": "It 1984", "words": words, "speaker": "SPEAKER_01"}
    source = {"segments": [segment], "word_segments": words, "language": "de"}
    (read,) = read_transcript(json.dumps(source).encode(), "a.json").transcript.segments
    assert (read.text, read.speaker) == (" It 1984", "SPEAKER_01")
    assert [word.word for word in read.words] == [" It", " 1984"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_subtitles_of_old_programs_are_read(encoding: str) -> None:
    srt = "1\r\n00:00:01,000 --> 00:00:02,5\r\n<i>Grüße</i> {\\an8}an\r\nalle\r\n\r\n"
    (read,) = read_transcript(srt.encode(encoding), "a.SRT").transcript.segments
    assert (read.start, read.end, read.text) == (1.0, 2.5, " Grüße an alle")


def test_notes_styles_and_names_of_cues_are_left_out() -> None:
    vtt = (
        "WEBVTT - Talk\n\nSTYLE\n::cue { color: red }\n\nNOTE a note\n\n"
        "intro\n00:01.000 --> 00:02.000 line:0\n"
        "<v.loud Ada>Hi &amp; <c.red>bye</c>\n\nNOTE\nnot spoken\n\n"
        "00:03.000 --> 00:04.000\nEnd <00:03.500>now\n"
    )
    first, last = read_transcript(vtt.encode(), "a.vtt").transcript.segments
    assert (first.text, first.speaker) == (" Hi & bye", "Ada")
    assert last.text == " End now"


BAD: dict[str, tuple[str, bytes, str]] = {
    "no subtitles": ("a.srt", b"Dear diary,\n\nnothing happened.\n", "no caption"),
    "a recording": ("a.srt", b"RIFF\x00\x00\x00\x00WAVE", "not text"),
    "another type": ("a.docx", b"PK", "cannot be imported"),
    "no name": ("", b"", "cannot be imported"),
    "backwards": ("a.srt", b"1\n00:00:05,000 --> 00:00:01,000\nHi\n", "Caption 1 ends before it begins"),
    "minute 99": ("a.vtt", b"WEBVTT\n\n00:99:00.000 --> 00:99:01.000\nHi\n", "Caption 1 has a time"),
    "broken JSON": ("a.json", b'{"segments": [', "not a transcript as JSON"),
    "other JSON": ("a.json", b'{"rows": []}', "segments"),
    "a list": ("a.json", b"[1]", "not a transcript"),
    "deep JSON": ("a.json", b'{"segments":' + b"[" * 100_000, "not a transcript"),
    "times in words": ("a.json", b'{"segments": [{"start": "soon", "end": 2, "text": ""}]}', "start"),
    "no number": ("a.json", b'{"segments": [{"start": NaN, "end": 2, "text": "x"}]}', "no recording has"),
    "too far": ("a.json", b'{"segments": [{"start": 0, "end": 1e300, "text": "x"}]}', "no recording has"),
    "nothing said": ("a.json", b'{"segments": []}', "no caption"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_transcript_is_refused_with_the_reason(name: str) -> None:
    filename, data, reason = BAD[name]
    with pytest.raises(InvalidRequest, match=re.escape(reason)) as refused:
        read_transcript(data, filename)
    assert refused.value.field == "file"


@given(st.binary(max_size=300) | WORDS.map(lambda text: f"1\n00:00:01,000 --> {text}".encode()))
def test_no_file_breaks_the_import(data: bytes) -> None:
    for extension in ("json", "srt", "vtt"):
        try:
            read_transcript(data, f"a.{extension}")
        except ApplianceError as error:
            assert error.message  # noqa: PT017 - either it is a transcript, or there is a reason
