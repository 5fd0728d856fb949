"""SRT and WebVTT: cues with times, and in WebVTT speakers, by one tolerant grammar."""

import html
import re
from collections.abc import Iterator

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.transcript.imports.imported import (
    ImportedTranscript,
    check_number,
    check_times,
    spaced,
)
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Segment, Transcript

CLOCK = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[,.](\d{1,3})"
TIME_LINE = re.compile(rf"\s*{CLOCK}\s*-->\s*{CLOCK}")
VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]*)>")
TAG = re.compile(r"</?[A-Za-z0-9.]+(?:\s[^<>]*)?>|<\d\d[^<>]*>|\{\\[^{}]*\}")
WORD_JOINER = "\u2060"


def read(data: bytes) -> ImportedTranscript:
    """The cues as segments. Tags are left out; `<v Ada>` names the speaker."""
    text = _decoded(data)
    is_webvtt = text.startswith("WEBVTT")
    segments = tuple(_segments(text.splitlines(), escaped=is_webvtt))
    check_number(len(segments))
    duration = max(segment.end for segment in segments)
    return ImportedTranscript(
        Transcript(segments, "", 0.0, duration, "transcribe", "", 0.0, extra={"imported": "subtitles"})
    )


def _decoded(data: bytes) -> str:
    """The text: UTF-8, UTF-16 with a byte order mark, or the code page of old Windows programs."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")
    if "\x00" in text:
        raise InvalidRequest("This file is not text.", field="file")
    return text


def _segments(lines: list[str], *, escaped: bool) -> Iterator[Segment]:
    times = [(at, match) for at, line in enumerate(lines) if (match := TIME_LINE.match(line))]
    stops = [*(_head_of(lines, at) for at, _ in times[1:]), len(lines)]
    for number, ((at, match), stop) in enumerate(zip(times, stops, strict=False), 1):
        start, end = _seconds(match.groups()[:4], number), _seconds(match.groups()[4:], number)
        check_times(start, end, number)
        words, speaker = _words(_block(lines[at + 1 : stop]), escaped=escaped)
        if words:
            yield Segment(start, end, spaced(words), speaker=speaker)


def _head_of(lines: list[str], at: int) -> int:
    """Where a cue begins whose time line is at `at`: its number or name is the line before."""
    has_name = at >= 1 and lines[at - 1].strip() and (at == 1 or not lines[at - 2].strip())
    return at - 1 if has_name else at


def _block(lines: list[str]) -> str:
    """The lines of a cue, up to an empty one with which a comment or a style begins."""
    kept: list[str] = []
    for at, line in enumerate(lines):
        if line.strip().split(" ")[0] in ("NOTE", "STYLE", "REGION") and at and not lines[at - 1].strip():
            break
        kept.append(line)
    return " ".join(kept)


def _words(block: str, *, escaped: bool) -> tuple[str, str]:
    """The plain words of a cue, and its first speaker."""
    voice = VOICE.search(block) if escaped else None
    plain = TAG.sub("", VOICE.sub("", block) if escaped else block)
    name = voice[1] if voice else ""
    if escaped:
        plain, name = html.unescape(plain), html.unescape(name)
    return clean(plain.replace(WORD_JOINER, "")), clean(name)


def _seconds(parts: tuple[str | None, ...], number: int) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    if int(minutes) > 59 or int(seconds) > 59:
        raise InvalidRequest(
            "Caption {number} has a time that no recording has.", number=number, field="file"
        )
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000
