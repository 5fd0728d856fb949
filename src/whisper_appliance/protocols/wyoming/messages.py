"""The events of Wyoming, for the AsyncAPI document. The libraries of Wyoming are not loaded for it."""

from typing import Any, Literal

from whisper_appliance.web.asyncapi import (
    INTEGER,
    NULL_OR_TEXT,
    TEXT,
    SocketChannel,
    SocketMessage,
    list_of,
    object_of,
    typed,
)

PCM = object_of(rate=INTEGER, width=INTEGER, channels=INTEGER)


def _event(name: str, direction: Literal["receive", "send"], summary: str, **data: Any) -> SocketMessage:
    return typed(name, direction, summary, data_=object_of(**data), payload_length_=INTEGER)


CHANNEL = SocketChannel(
    "wyoming",
    "",
    "Wyoming",
    "The protocol of Home Assistant, over TCP: a line of JSON for each event, then `data_length` bytes of "
    "JSON and `payload_length` bytes of audio.",
    (
        _event("describe", "receive", "Answered by `info`."),
        _event("ping", "receive", "Answered by `pong`.", text_=NULL_OR_TEXT),
        _event(
            "transcribe",
            "receive",
            "How the next recording is transcribed.",
            name_=NULL_OR_TEXT,
            language_=NULL_OR_TEXT,
            transcript_names_=list_of(TEXT),
            transcript_terms_=list_of(TEXT),
        ),
        typed("audio-start", "receive", "A recording begins.", data=PCM),
        typed("audio-chunk", "receive", "Audio, as the payload.", data=PCM, payload_length=INTEGER),
        _event("audio-stop", "receive", "The recording ends."),
        _event("info", "send", "The models and languages."),
        _event("pong", "send", "The answer to `ping`.", text_=NULL_OR_TEXT),
        _event("transcript-start", "send", "Text follows.", language_=NULL_OR_TEXT),
        _event("transcript-chunk", "send", "More text.", text=TEXT),
        _event("transcript", "send", "The whole text.", text=TEXT, language_=NULL_OR_TEXT),
        _event("transcript-stop", "send", "The answer is complete."),
        _event("error", "send", "What failed; the connection ends.", text=TEXT, code_=NULL_OR_TEXT),
    ),
    transport="tcp",
)
