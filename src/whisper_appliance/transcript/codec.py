"""Transcript codec: JSON of the API (`to_dict`, `from_dict`) and of the database (`to_json`, `from_json`)."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

from whisper_appliance.transcript.model import Dropped, Notice, Provenance, Segment, Tracks, Transcript, Word
from whisper_appliance.transcript.times import with_valid_times

T = TypeVar("T")

_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def to_json(value: Any) -> str:
    """A frozen dataclass as lossless JSON text for the database; infinite log-probabilities survive."""
    return json.dumps(_adapter(type(value)).dump_python(value), ensure_ascii=False, separators=(",", ":"))


def from_json(kind: type[T], text: str) -> T:
    """The dataclass that `to_json` wrote; fields added since take their defaults."""
    value: T = _adapter(kind).validate_python(json.loads(text))
    return value


def to_dict(transcript: Transcript) -> dict[str, Any]:
    """The transcript as the JSON of the API, without id, title and creation time."""
    transcript = with_valid_times(transcript)
    return {
        "text": transcript.text,
        "language": transcript.language,
        "languages": list(transcript.languages),
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


def with_translation(body: dict[str, Any], beside: Sequence[str]) -> dict[str, Any]:
    """The JSON of a transcript whose segments have the lines of a translation, where there are any."""
    for segment, line in zip(body["segments"], beside, strict=False):
        segment["translation"] = line
    return body


def segment_to_dict(number: int, segment: Segment) -> dict[str, Any]:
    """One segment as the JSON of the API; its number is its place."""
    return {"id": number, "key": segment.key or str(number), **segment_body(segment)}


def segment_body(segment: Segment) -> dict[str, Any]:
    """One segment as JSON without its place."""
    shown: dict[str, Any] = {
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "text": segment.text,
        "avg_logprob": round(segment.avg_logprob, 4),
        "no_speech_prob": round(segment.no_speech_prob, 4),
        "compression_ratio": round(segment.compression_ratio, 4),
    }
    if segment.language:
        shown["language"] = segment.language
    if segment.channel is not None:
        shown["channel"] = segment.channel
    if segment.speaker:
        shown["speaker"] = segment.speaker
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
    """The transcript that `to_dict` wrote, exact to the millisecond; ignores unknown keys."""
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
        provenance=_provenance_from_dict(data["provenance"]) if data.get("provenance") else None,
        extra=dict(data.get("extra", {})),
    )


def _provenance_from_dict(data: Mapping[str, Any]) -> Provenance:
    tracks = data.get("tracks")
    return Provenance(**{**data, "tracks": Tracks(**tracks) if tracks else None})


def _segment_from_dict(data: Mapping[str, Any]) -> Segment:
    numbers = {
        name: data[name] for name in ("start", "end", "avg_logprob", "no_speech_prob", "compression_ratio")
    }
    return Segment(
        text=data["text"],
        language=data.get("language", ""),
        channel=data.get("channel"),
        speaker=data.get("speaker", ""),
        words=tuple(Word(**word) for word in data.get("words", ())),
        **numbers,
    )
