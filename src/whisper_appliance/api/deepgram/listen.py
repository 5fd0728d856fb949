"""POST /v1/listen, as Deepgram has it for recordings."""

import struct

from flask import Response, jsonify, request
from flask_openapi3.types import ResponseDict
from pydantic import Field

from whisper_appliance.api.deepgram.transcript_json import OutputOptions, transcript_json
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.engines.contract import Options
from whisper_appliance.library.transcript_rows import StoredTranscript
from whisper_appliance.web.deepgram_format import FAILURES, ListenOptions, check_supported
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import SPEECH
from whisper_appliance.web.transcription_requests import KeepAlive, respond_when_done, submit_body

blueprint = LazyBlueprint("deepgram_listen", __name__, abp_tags=[SPEECH])

WAVE_FORMATS = {"linear16": (1, 2), "alaw": (6, 1), "mulaw": (7, 1)}
"""The number of an encoding in a RIFF header (RFC 2361), and the bytes of a sample."""
WITH_HEADER = ("flac", "ogg-opus", "opus", "speex", "amr-nb", "amr-wb")
"""Encodings that are detected from the content, because they come in a container."""
UNKNOWN_SIZE = 0xFFFFFFFF
BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class ListenQuery(ListenOptions):
    """The options of a recording."""

    detect_language: list[str] = Field([], description="`true`: also return the detected language.")
    smart_format: bool = Field(False, description="Also paragraphs; there is always punctuation.")
    paragraphs: bool = Field(False, description="Also sentences and paragraphs.")
    utterances: bool = Field(False, description="Also utterances.")
    diarize: bool = Field(False, description="Also the speaker of each word.")
    diarize_model: str | None = Field(
        None, max_length=40, description="Also the speaker of each word; the version makes no difference."
    )
    utt_split: float = Field(0.8, gt=0, le=60, description="Seconds of silence between utterances.")

    @property
    def names_speakers(self) -> bool:
        """Whether each word has its speaker; `diarize_model` replaces `diarize`."""
        return self.diarize or bool(self.diarize_model)


class ListenForm:
    """The options of the query, as `submit_body` reads them."""

    def __init__(self, query: ListenQuery) -> None:
        self._query = query
        self.model = query.local_model

    def options(self) -> Options:
        """The transcription options."""
        query = self._query
        return Options(
            language=None if _detects(query) else query.language,
            hotwords=query.hotwords,
            word_timestamps=True,
            channels="separate" if query.multichannel else "mixed",
            diarize=query.names_speakers,
        )


RESPONSES: ResponseDict = {
    200: {
        "description": "The transcript, as Deepgram's clients read it.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
    **FAILURES,
}


@blueprint.post("/v1/listen", responses=RESPONSES, openapi_extensions=BODY)
def create_listen_transcript(query: ListenQuery) -> Response:
    """Transcribes a recording, as Deepgram does. The body is the recording itself."""
    check_supported()
    if request.mimetype in ("application/json", "multipart/form-data"):
        raise InvalidRequest("Send the recording itself as the body; recordings at a URL are not fetched.")
    if request.content_length == 0:
        raise InvalidRequest("The body is empty. Send the recording itself as the body.")
    job = submit_body(ListenForm(query), "recording", _header(query))
    output = OutputOptions(
        detected_language=_detects(query),
        paragraphs=query.paragraphs or query.smart_format,
        utterance_gap_seconds=query.utt_split if query.utterances else None,
        speakers=query.names_speakers,
    )

    def render(stored: StoredTranscript) -> Response:
        response = jsonify(transcript_json(stored, job, output))
        response.headers["dg-request-id"] = job.id
        return response

    return respond_when_done(job, render, KeepAlive("application/json"))


def _detects(query: ListenQuery) -> bool:
    return any(value.lower() not in ("", "false") for value in query.detect_language)


def _header(query: ListenQuery) -> bytes:
    """A RIFF header for samples that have none. Raises `InvalidRequest`."""
    if query.encoding is None or query.encoding in WITH_HEADER:
        return b""
    if query.encoding not in WAVE_FORMATS:
        listed = ", ".join([*WAVE_FORMATS, *WITH_HEADER])
        raise InvalidRequest("encoding must be one of {listed}.", listed=listed, field="encoding")
    format_tag, sample_bytes = WAVE_FORMATS[query.encoding]
    rate, frame_bytes = query.rate_of(query.encoding), sample_bytes * query.channels
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", UNKNOWN_SIZE, b"WAVE", b"fmt ", 16, format_tag, query.channels,
        rate, rate * frame_bytes, frame_bytes, 8 * sample_bytes, b"data", UNKNOWN_SIZE,
    )  # fmt: skip
