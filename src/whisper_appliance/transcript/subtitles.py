"""A transcript as a file: txt, srt, vtt, json, tsv; and as the JSON of the API, there and back."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.transcript.cues import cues, milliseconds
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Dropped, Notice, Provenance, Segment, Transcript, Word

PARAGRAPH_PAUSE_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file a transcript can be written as."""

    name: str
    extension: str
    media_type: str


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "txt": Format("txt", ".txt", "text/plain"),
        "srt": Format("srt", ".srt", "application/x-subrip"),
        "vtt": Format("vtt", ".vtt", "text/vtt"),
        "json": Format("json", ".json", "application/json"),
        "tsv": Format("tsv", ".tsv", "text/tab-separated-values"),
    }
)


def render(transcript: Transcript, format: str, *, max_line_chars: int = 42, max_lines: int = 2) -> str:
    """The transcript in one of `FORMATS`. The limits are for srt and vtt; wide characters count two.

    Raises `InvalidRequest` for a format or a limit that cannot be used.
    """
    if format not in FORMATS:
        raise InvalidRequest(
            f"There is no format {format!r}. Choose one of: {', '.join(FORMATS)}.", field="format"
        )
    if max_line_chars < 1 or max_lines < 1:
        raise InvalidRequest("A subtitle needs at least one line of one character.", field="max_line_chars")
    if format in ("srt", "vtt"):
        return _SUBTITLES[format](transcript, max_line_chars, max_lines)
    return _WHOLE[format](transcript)


def _txt(transcript: Transcript) -> str:
    """One line a paragraph; a pause begins a new one."""
    paragraphs: list[str] = []
    silent_since = 0.0
    for segment in transcript.segments:
        if not paragraphs or segment.start - silent_since >= PARAGRAPH_PAUSE_SECONDS:
            paragraphs.append("")
        paragraphs[-1] += segment.text
        silent_since = segment.end
    return "".join(f"{line}\n" for line in map(clean, paragraphs) if line)


def _srt(transcript: Transcript, max_line_chars: int, max_lines: int) -> str:
    blocks = [
        f"{number}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n{_srt_text(cue.lines)}\n"
        for number, cue in enumerate(cues(transcript, max_line_chars=max_line_chars, max_lines=max_lines), 1)
    ]
    return "\n".join(blocks)


def _srt_text(lines: tuple[str, ...]) -> str:
    """SRT knows no escape, so an arrow that a player would read as a time becomes the character."""
    return "\n".join(lines).replace("-->", "→")


def _vtt(transcript: Transcript, max_line_chars: int, max_lines: int) -> str:
    blocks = [
        f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n{_vtt_text(cue.lines)}\n"
        for cue in cues(transcript, max_line_chars=max_line_chars, max_lines=max_lines)
    ]
    return "\n".join(["WEBVTT\n", *blocks]) if blocks else "WEBVTT\n\n"


def _vtt_text(lines: tuple[str, ...]) -> str:
    return "\n".join(lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(total_ms: int, point: str) -> str:
    seconds, ms = divmod(total_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{ms:03d}"


def _tsv(transcript: Transcript) -> str:
    """Start and end in milliseconds, and the text, as openai/whisper writes them."""
    rows = [
        f"{milliseconds(segment.start)}\t{milliseconds(segment.end)}\t{clean(segment.text)}\n"
        for segment in transcript.segments
    ]
    return "".join(["start\tend\ttext\n", *rows])


def _json(transcript: Transcript) -> str:
    return json.dumps(to_dict(transcript), ensure_ascii=False, indent=2) + "\n"


_WHOLE: Mapping[str, Callable[[Transcript], str]] = {"txt": _txt, "json": _json, "tsv": _tsv}
_SUBTITLES: Mapping[str, Callable[[Transcript, int, int], str]] = {"srt": _srt, "vtt": _vtt}


def to_dict(transcript: Transcript) -> dict[str, Any]:
    """The transcript as the JSON of the API (docs/architecture.md), without id, title and creation time."""
    return {
        "text": transcript.text,
        "language": transcript.language,
        "language_probability": round(transcript.language_probability, 4),
        "duration": round(transcript.duration, 3),
        "model": transcript.model,
        "task": transcript.task,
        "processing_seconds": round(transcript.processing_seconds, 3),
        "segments": [segment_to_dict(number, segment) for number, segment in enumerate(transcript.segments)],
        "warnings": [asdict(notice) for notice in transcript.warnings],
        "dropped": [
            {"start": round(d.start, 3), "end": round(d.end, 3), "text": d.text, "reason": d.reason}
            for d in transcript.dropped
        ],
        "provenance": asdict(transcript.provenance) if transcript.provenance else None,
        **({"extra": transcript.extra} if transcript.extra else {}),
    }


def segment_to_dict(number: int, segment: Segment) -> dict[str, Any]:
    """One segment as the JSON of the API."""
    shown: dict[str, Any] = {
        "id": number,
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "text": segment.text,
        "avg_logprob": round(segment.avg_logprob, 4),
        "no_speech_prob": round(segment.no_speech_prob, 4),
        "compression_ratio": round(segment.compression_ratio, 4),
    }
    if segment.words:
        shown["words"] = [
            {
                "start": round(w.start, 3),
                "end": round(w.end, 3),
                "word": w.word,
                "probability": round(w.probability, 4),
            }
            for w in segment.words
        ]
    return shown


def from_dict(data: Mapping[str, Any]) -> Transcript:
    """The transcript that `to_dict` wrote, exact to the millisecond; keys it does not know are left alone."""
    return Transcript(
        segments=tuple(_segment_from_dict(segment) for segment in data["segments"]),
        language=data["language"],
        language_probability=data["language_probability"],
        duration=data["duration"],
        task=data["task"],
        model=data["model"],
        processing_seconds=data["processing_seconds"],
        warnings=tuple(Notice(**notice) for notice in data.get("warnings", ())),
        dropped=tuple(Dropped(**dropped) for dropped in data.get("dropped", ())),
        provenance=Provenance(**data["provenance"]) if data.get("provenance") else None,
        extra=dict(data.get("extra", {})),
    )


def _segment_from_dict(data: Mapping[str, Any]) -> Segment:
    numbers = {
        name: data[name] for name in ("start", "end", "avg_logprob", "no_speech_prob", "compression_ratio")
    }
    return Segment(text=data["text"], words=tuple(Word(**word) for word in data.get("words", ())), **numbers)
