"""Deepgram's format, for its files and its live speech: options, words, names of models, and errors."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, jsonify, make_response, request
from pydantic import Field, field_validator

from whisper_appliance.app.model_names import DEEPGRAM_PREFIXES, resolve_model
from whisper_appliance.core.audio_format import PCM_RATES
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.schema import Schema
from whisper_appliance.transcript.languages import language_code
from whisper_appliance.web.context import appliance
from whisper_appliance.web.http_api import Failure
from whisper_appliance.web.openapi import upload_failures

JsonObject = dict[str, Any]
NOT_SUPPORTED = (
    "callback", "detect_entities", "intents", "redact", "replace", "search", "sentiment", "summarize",
    "topics",
)  # fmt: skip
"""Options without which the result would be a different one. All other unknown options have no effect."""
SPEAKERS = ("diarize", "diarize_model")
MAX_CHANNELS = 8
G711_RATE = 8000
PUNCTUATION = ".,;:!?…\"'“”„«»()[]{}¿¡。，、！？；：-–—"
CODES = {
    400: "Bad Request",
    401: "INVALID_AUTH",
    403: "INSUFFICIENT_PERMISSIONS",
    404: "NOT_FOUND",
    411: "LENGTH_REQUIRED",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "TOO_MANY_REQUESTS",
    503: "SERVICE_UNAVAILABLE",
}


class ListenOptions(Schema):
    """The options that files and live speech share. Options of formatting have no effect."""

    model: str | None = Field(None, max_length=200, description="A local model; Deepgram's names: default.")
    language: str | None = Field(None, description="Code of the language; `multi` or none: detected.")
    keyterm: list[str] = Field([], max_length=100, description="Words that are likely to be said.")
    keywords: list[str] = Field([], max_length=100, description="The same, each with `:` and a weight.")
    encoding: str | None = Field(None, max_length=40, description="Of audio that has no header.")
    sample_rate: int | None = Field(None, description="Samples a second of audio that has no header.")
    channels: int = Field(1, ge=1, le=MAX_CHANNELS, description="Channels of audio that has no header.")
    multichannel: bool = Field(False, description="Transcribe each channel by itself.")

    @field_validator("language")
    @classmethod
    def _to_code(cls, value: str | None) -> str | None:
        return None if value in (None, "multi") else language_code(value)

    @property
    def local_model(self) -> str | None:
        """The local model; None is the default one."""
        return resolve_model(self.model, appliance().settings.model_aliases, DEEPGRAM_PREFIXES)

    @property
    def hotwords(self) -> str | None:
        """The words to expect."""
        words = [*self.keyterm, *(keyword.partition(":")[0] for keyword in self.keywords)]
        return " ".join(filter(None, words))[:2000] or None

    def rate_of(self, encoding: str) -> int:
        """The sample rate of audio without header. Raises `InvalidRequest`."""
        if encoding in ("mulaw", "alaw"):
            if self.sample_rate not in (None, G711_RATE):
                raise InvalidRequest("mulaw and alaw have 8000 samples a second.", field="sample_rate")
            return G711_RATE
        if self.sample_rate is None or self.sample_rate not in PCM_RATES:
            listed = ", ".join(map(str, PCM_RATES))
            raise InvalidRequest("sample_rate must be one of {listed}.", listed=listed, field="sample_rate")
        return self.sample_rate


class DeepgramError(Schema):
    """The response to every failed request."""

    err_code: str
    err_msg: str
    request_id: str


FAILURES = upload_failures(DeepgramError, without=(422,))


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word as Whisper writes it; times in seconds."""

    start: float
    end: float
    text: str
    probability: float
    speaker: int | None = None
    """From 0, if speakers were asked for."""


def check_supported() -> None:
    """Raises `InvalidRequest` if the query names an option of `NOT_SUPPORTED`."""
    for name in filter(_is_requested, NOT_SUPPORTED):
        raise InvalidRequest("This appliance cannot do {name}. Leave the option out.", name=name, field=name)


def check_supported_live() -> None:
    """As `check_supported`, and for the speakers of words, which recordings have and live speech has not."""
    check_supported()
    for name in filter(_is_requested, SPEAKERS):
        raise InvalidRequest(
            "Live speech is not divided by speakers here. Leave {name} out, or send each speaker as a "
            "channel and multichannel=true.",
            name=name,
            field=name,
        )


def _is_requested(name: str) -> bool:
    return request.args.get(name, "false").lower() not in ("", "false")


def alternative(words: Sequence[SpokenWord], tentative: str = "") -> JsonObject:
    """The only alternative; `tentative` is text behind the words whose times are not known yet."""
    confidence = sum(word.probability for word in words) / len(words) if words else 0.0
    return {
        "transcript": (text_of(words) + tentative).strip(),
        "confidence": round(confidence, 4),
        "words": [word_json(word) for word in words],
    }


def text_of(words: Iterable[SpokenWord]) -> str:
    """The words as text."""
    return "".join(word.text for word in words).strip()


def word_json(word: SpokenWord) -> JsonObject:
    """A word with and without its punctuation."""
    written = word.text.strip()
    speaker = {} if word.speaker is None else {"speaker": word.speaker}
    return {
        "word": written.strip(PUNCTUATION).lower() or written,
        "start": round(word.start, 3),
        "end": round(word.end, 3),
        "confidence": round(word.probability, 4),
        "punctuated_word": written,
        **speaker,
    }


def model_info(name: str) -> tuple[str, JsonObject]:
    """The id of a model, always the same for a name, and its description."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name)), {"name": name, "version": name, "arch": "whisper"}


def error_response(failure: Failure) -> Response:
    """Deepgram's error; WebSocket clients read it from the headers of the failed handshake."""
    status = 400 if failure.status == 422 else failure.status
    code = CODES.get(status, failure.code.upper())
    body = {"err_code": code, "err_msg": failure.message, "request_id": failure.request_id}
    response = make_response(jsonify(body), status)
    response.headers["dg-error"] = " ".join(failure.message.encode("ascii", "replace").decode().split())
    response.headers["dg-request-id"] = failure.request_id
    return response
