"""The JSON of OpenAI's audio API: transcripts in its formats, models, and the errors of its document."""

import math
import re
from collections.abc import Iterable
from typing import Any

from flask import Response, jsonify
from flask_openapi3.types import ResponseDict
from pydantic import Field

from whisper_appliance.api.openai.form import ResponseFormat, TranscriptionForm
from whisper_appliance.core.schema import Schema
from whisper_appliance.transcript.formats import render
from whisper_appliance.transcript.languages import english_name
from whisper_appliance.transcript.model import Segment, Transcript

AUDIO_TOKENS_PER_SECOND = 50
"""Of Whisper's encoder, for `usage`."""
LEAST_LOGPROB = -100.0


class OpenAIErrorBody(Schema):
    """What failed, as OpenAI's clients read it."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIErrorResponse(Schema):
    """The response to every failed request."""

    error: OpenAIErrorBody


class ModelObject(Schema):
    """A model that requests can name."""

    id: str
    object: str = "model"
    created: int = Field(description="Seconds of the epoch at which its files were written.")
    owned_by: str


class ModelObjects(Schema):
    """All models."""

    object: str = "list"
    data: list[ModelObject]


class DeletedModel(Schema):
    """A model that was deleted."""

    id: str
    object: str = "model"
    deleted: bool = True


def failures(*statuses: int) -> ResponseDict:
    """The error responses of a route."""
    return dict.fromkeys(sorted({*statuses, 400, 401, 403, 404, 429, 500}), OpenAIErrorResponse)


def transcript_response(transcript: Transcript, form: TranscriptionForm) -> Response:
    """The transcript in the format that the form requests."""
    words = "word" in form.timestamp_granularities
    segments = "segment" in form.timestamp_granularities or not words
    match form.response_format:
        case "json":
            body = text_body(transcript)
            if form.include:
                body["logprobs"] = logprobs(transcript.segments)
            return jsonify(body)
        case "verbose_json":
            return jsonify(verbose_body(transcript, words=words, segments=segments))
        case "diarized_json":
            return jsonify(diarized_body(transcript))
        case name:
            return plain_response(transcript, name)


def plain_response(transcript: Transcript, name: ResponseFormat) -> Response:
    """The transcript as text, srt or vtt."""
    text = transcript.text + "\n" if name == "text" else render(transcript, name)
    return Response(text, mimetype="text/plain")


def text_body(transcript: Transcript) -> dict[str, Any]:
    """The format json."""
    return {
        "text": transcript.text,
        "languages": [{"code": code} for code in transcript.languages],
        "usage": duration_usage(transcript),
    }


def verbose_body(transcript: Transcript, *, words: bool, segments: bool) -> dict[str, Any]:
    """The format verbose_json; words stand beside the segments, not inside them."""
    body: dict[str, Any] = {
        "task": transcript.task,
        "language": "english" if transcript.task == "translate" else english_name(transcript.language),
        "duration": round(transcript.duration, 3),
        "text": transcript.text,
    }
    if segments:
        body["segments"] = [_segment(number, segment) for number, segment in enumerate(transcript.segments)]
    if words:
        body["words"] = [
            {"word": word.word.strip(), "start": round(word.start, 3), "end": round(word.end, 3)}
            for segment in transcript.segments
            for word in segment.words
        ]
    return body | {"usage": duration_usage(transcript)}


def diarized_body(transcript: Transcript) -> dict[str, Any]:
    """The format diarized_json. Speakers without a name are `A`, `B` and so on; unknown ones `A`."""
    return {
        "task": transcript.task,
        "duration": round(transcript.duration, 3),
        "text": transcript.text,
        "segments": [
            {
                "type": "transcript.text.segment",
                "id": f"seg_{number}",
                "start": round(segment.start, 3),
                "end": round(segment.end, 3),
                "speaker": speaker_of(segment),
                "text": segment.text,
            }
            for number, segment in enumerate(transcript.segments)
        ],
        "usage": duration_usage(transcript),
    }


def speaker_of(segment: Segment) -> str:
    """The name of the speaker of a segment, or the letter of one that nobody has named."""
    number = re.fullmatch(r"Speaker (\d{1,2})", segment.speaker)
    if segment.speaker and not number:
        return segment.speaker
    return chr(ord("A") + (int(number[1]) if number else segment.channel or 1) - 1)


def logprobs(segments: Iterable[Segment]) -> list[dict[str, Any]]:
    """The log probability of each word."""
    return [
        {
            "token": word.word,
            "bytes": list(word.word.encode()),
            "logprob": round(math.log(word.probability), 4) if word.probability > 0 else LEAST_LOGPROB,
        }
        for segment in segments
        for word in segment.words
    ]


def duration_usage(transcript: Transcript) -> dict[str, Any]:
    """The usage in seconds of audio."""
    return {"type": "duration", "seconds": round(transcript.duration, 3)}


def token_usage(transcript: Transcript) -> dict[str, Any]:
    """The usage in tokens: frames of the encoder in, tokens of the text out."""
    audio = math.ceil(transcript.duration * AUDIO_TOKENS_PER_SECOND)
    written = sum(len(segment.tokens) for segment in transcript.segments)
    return {
        "type": "tokens",
        "input_tokens": audio,
        "input_token_details": {"audio_tokens": audio, "text_tokens": 0},
        "output_tokens": written,
        "total_tokens": audio + written,
    }


def _segment(number: int, segment: Segment) -> dict[str, Any]:
    return {
        "id": number,
        "seek": round(segment.start * 100),
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": segment.temperature,
        "avg_logprob": _finite(segment.avg_logprob),
        "compression_ratio": round(segment.compression_ratio, 4),
        "no_speech_prob": round(segment.no_speech_prob, 4),
    }


def _finite(value: float) -> float:
    """JSON has no infinity."""
    return round(value, 4) if math.isfinite(value) else LEAST_LOGPROB
