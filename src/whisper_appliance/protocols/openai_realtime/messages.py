"""The events of OpenAI's realtime API, for the AsyncAPI document."""

from whisper_appliance.protocols.openai_realtime.server_events import TRANSCRIPTION
from whisper_appliance.web.asyncapi import (
    INTEGER,
    NULL_OR_TEXT,
    NUMBER,
    OBJECT,
    TEXT,
    SocketChannel,
    SocketMessage,
    described,
    list_of,
    object_of,
    typed,
)

NULL_OR_OBJECT = {"type": ["object", "null"]}
BUFFER = "input_audio_buffer"
SESSION = object_of(
    type_=described(TEXT, "`transcription`"),
    audio_=object_of(
        input_=object_of(
            format_=described(OBJECT, "audio/pcm at 24 kHz, audio/pcmu or audio/pcma"),
            noise_reduction_=NULL_OR_OBJECT,
            transcription_=described(NULL_OR_OBJECT, "model, language, languages, prompt, delay"),
            turn_detection_=described(NULL_OR_OBJECT, "server_vad, semantic_vad, or null"),
        )
    ),
    include_={"type": ["array", "null"], "items": TEXT},
)
LOGPROBS = {
    "type": ["array", "null"],
    "items": object_of(token=TEXT, bytes=list_of(INTEGER), logprob=NUMBER),
}
ERROR = object_of(type=TEXT, code=NULL_OR_TEXT, message=TEXT, param_=NULL_OR_TEXT, event_id_=NULL_OR_TEXT)


def _server(event_type: str, summary: str, **fields: object) -> SocketMessage:
    return typed(event_type, "send", summary, event_id=TEXT, **fields)


def _client(event_type: str, summary: str, **fields: object) -> SocketMessage:
    return typed(event_type, "receive", summary, event_id_=TEXT, **fields)


def _item(name: str, summary: str, **fields: object) -> SocketMessage:
    return _server(f"{TRANSCRIPTION}.{name}", summary, item_id=TEXT, content_index=INTEGER, **fields)


TRANSCRIPTION_CHANNEL = SocketChannel(
    "openai_realtime",
    "/v1/realtime",
    "OpenAI, realtime",
    "OpenAI's realtime transcription. The same events go over the data channel `oai-events` of WebRTC.",
    (
        _client("session.update", "Changes the session; null clears a field.", session=SESSION),
        _client(f"{BUFFER}.append", "Adds audio.", audio=described(TEXT, "base64")),
        _client(f"{BUFFER}.commit", "Ends an item."),
        _client(f"{BUFFER}.clear", "Drops the audio that is not committed."),
        _server("session.created", "The first event.", session=OBJECT),
        _server("session.updated", "The session as it is now.", session=OBJECT),
        _server(f"{BUFFER}.speech_started", "Speech began.", audio_start_ms=INTEGER, item_id=TEXT),
        _server(f"{BUFFER}.speech_stopped", "A pause followed.", audio_end_ms=INTEGER, item_id=TEXT),
        _server(f"{BUFFER}.committed", "An item ended.", item_id=TEXT, previous_item_id=NULL_OR_TEXT),
        _server(f"{BUFFER}.cleared", "The audio was dropped."),
        _server(
            f"{BUFFER}.timeout_triggered",
            "Nobody has spoken for `idle_timeout_ms`; the silence is an item.",
            audio_start_ms=INTEGER,
            audio_end_ms=INTEGER,
            item_id=TEXT,
        ),
        _server("conversation.item.added", "An item follows.", item=OBJECT, previous_item_id_=NULL_OR_TEXT),
        _server("conversation.item.done", "It is complete.", item=OBJECT, previous_item_id_=NULL_OR_TEXT),
        _item("delta", "More text of an item; it is never taken back.", delta=TEXT, logprobs_=LOGPROBS),
        _item("completed", "The whole text of an item.", transcript=TEXT, usage=OBJECT, logprobs_=LOGPROBS),
        _item("failed", "An item could not be transcribed.", error=OBJECT),
        _server("error", "An event was refused; the session goes on.", error=ERROR),
    ),
    query={"intent": "`transcription`", "model": "The model of the transcription."},
)
TRANSLATION_CHANNEL = SocketChannel(
    "openai_realtime_translation",
    "/v1/realtime/translations",
    "OpenAI, realtime translation",
    "Sessions that translate speech into English text.",
    (
        _client("session.update", "Changes the session.", session=OBJECT),
        _client(f"session.{BUFFER}.append", "Adds audio, PCM at 24 kHz.", audio=described(TEXT, "base64")),
        _client("session.close", "Ends the session."),
        _server("session.created", "The first event.", session=OBJECT),
        _server("session.updated", "The session as it is now.", session=OBJECT),
        _server("session.output_transcript.delta", "More text.", delta=TEXT, elapsed_ms_=INTEGER),
        _server(
            "session.input_transcript.delta",
            "More text in the language of the speaker, with `audio.input.transcription`.",
            delta=TEXT,
            elapsed_ms_=INTEGER,
        ),
        _server("session.closed", "The last event."),
        _server("error", "An event was refused.", error=ERROR),
    ),
    query={"model": "The model of the translation."},
)
CHANNELS = (TRANSCRIPTION_CHANNEL, TRANSLATION_CHANNEL)
