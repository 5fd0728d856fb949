"""The Socket.IO events, for the AsyncAPI document."""

from pydantic import BaseModel

from whisper_appliance.protocols.socketio.payloads import (
    AudioHeader,
    Resume,
    SessionRef,
    Start,
    StartOptions,
    Stop,
    Switch,
    WatchCaptions,
    WebRtcOffer,
)
from whisper_appliance.web.asyncapi import (
    AUDIO,
    BINARY,
    FLAG,
    INTEGER,
    NULL_OR_TEXT,
    NUMBER,
    OBJECT,
    TEXT,
    JsonObject,
    SocketChannel,
    SocketMessage,
    list_of,
    message,
    object_of,
)

WORDS = list_of(object_of(w=TEXT, t0=NUMBER, t1=NUMBER, p=NUMBER))
REFUSED = object_of(ok={"const": False}, code=TEXT, message=TEXT, field_=TEXT, retry_after_=NUMBER)


def _answered(**fields: object) -> JsonObject:
    """The schema of an acknowledgement: success, or the error."""
    return {"anyOf": [object_of(ok={"const": True}, **fields), REFUSED]}


FED = _answered(next_seq=INTEGER, lag_ms=INTEGER, credit_ms=INTEGER)


def _client(name: str, summary: str, payload: type[BaseModel], answer: JsonObject) -> SocketMessage:
    schema = {key: value for key, value in payload.model_json_schema().items() if key != "description"}
    return SocketMessage(name, "receive", summary, schema, answer=answer)


def _live(name: str, summary: str, **fields: object) -> SocketMessage:
    return message(name, "send", summary, s=TEXT, **fields)


LIVE_MESSAGES = (
    _client(
        "live:start",
        "Opens a session.",
        Start,
        _answered(session=TEXT, token=TEXT, next_seq=INTEGER, credit_ms=INTEGER, limits=OBJECT),
    ),
    _client("live:audio", "A packet; the audio is the second argument.", AudioHeader, FED),
    _client(
        "live:resume",
        "Continues a session after a lost connection.",
        Resume,
        _answered(next_seq=INTEGER, events=list_of(OBJECT), partial={}, snapshot_=OBJECT),
    ),
    _client("live:stop", "Ends a session once all of its packets have arrived.", Stop, FED),
    _client("live:pause", "The microphone is off for a while.", SessionRef, _answered()),
    _client("live:cancel", "Ends a session; nothing is kept.", SessionRef, _answered()),
    _client(
        "live:webrtc",
        "Offers a WebRTC connection for the audio of a session.",
        WebRtcOffer,
        _answered(sdp=TEXT),
    ),
    _client(
        "live:switch",
        "From this packet on, behind the chirp, the audio comes over WebRTC.",
        Switch,
        _answered(next_seq=INTEGER),
    ),
    _live(
        "live:ack",
        "The packets of WebRTC before this one are stored.",
        next_seq=INTEGER,
        lag_ms=INTEGER,
        credit_ms=INTEGER,
    ),
    _live("live:webrtc_ended", "The WebRTC connection has ended; resume over the socket.", code=TEXT),
    _live(
        "live:partial",
        "The whole partial text.",
        rev=INTEGER,
        after=INTEGER,
        text=TEXT,
        t0=NUMBER,
        t1=NUMBER,
    ),
    _live("live:commit", "More words.", eid=INTEGER, utt=INTEGER, i=INTEGER, text=TEXT, words_=WORDS),
    _live(
        "live:final",
        "A paragraph, decoded once more.",
        eid=INTEGER,
        para=INTEGER,
        i0=INTEGER,
        i1=INTEGER,
        text=TEXT,
        language=TEXT,
        words_=WORDS,
    ),
    _live("live:vad", "Speech began or ended.", eid=INTEGER, speech=FLAG, t=NUMBER),
    _live("live:utterance", "An utterance is complete.", utt=INTEGER, t0=NUMBER, t1=NUMBER, language=TEXT),
    _live("live:input", "Whether audio arrives.", arriving=FLAG),
    _live("live:flow", "How far the words are behind.", level=TEXT, lag_ms=INTEGER),
    _live("live:error", "What failed.", eid=INTEGER, code=TEXT, message=TEXT, fatal=FLAG),
    _live("live:end", "The last event.", eid=INTEGER, text=TEXT, seconds=NUMBER, transcript_id=NULL_OR_TEXT),
)
CAPTION_MESSAGES = (
    _client(
        "captions:watch",
        "Reads along by a link.",
        WatchCaptions,
        _answered(task=TEXT, snapshot=OBJECT, partial={}, arriving=FLAG, ended=FLAG),
    ),
    message("captions:closed", "send", "The speaker ended the link.", token=TEXT),
)
SIMPLE_MESSAGES = (
    SocketMessage(
        "start_recording",
        "receive",
        "Begins a recording, for small clients.",
        {key: value for key, value in StartOptions.model_json_schema().items() if key != "description"},
    ),
    SocketMessage(
        "audio_chunk",
        "receive",
        "Bytes or base64.",
        object_of(audio_data=AUDIO),
        content_type=BINARY,
    ),
    SocketMessage("stop_recording", "receive", "Ends the recording.", OBJECT),
    message("recording_started", "send", "The recording began.", session=NULL_OR_TEXT, model_=NULL_OR_TEXT),
    message(
        "transcription_result",
        "send",
        "Partial or final text.",
        text=TEXT,
        is_final=FLAG,
        full_text=TEXT,
        session=NULL_OR_TEXT,
        start_=NUMBER,
        end_=NUMBER,
        ended_=FLAG,
        transcript_id_=NULL_OR_TEXT,
        seconds_=NUMBER,
    ),
    message("transcription_error", "send", "What failed.", error=TEXT, code=TEXT, fatal_=FLAG),
    message("connection_status", "send", "The state of the appliance.", status=TEXT, connected_=FLAG),
)
CHANNEL = SocketChannel(
    "socketio",
    "/socket.io/",
    "Live speech",
    "The appliance's own protocol over Socket.IO 5: audio in numbered packets, words out. Nothing that was "
    "acknowledged is lost.",
    (*LIVE_MESSAGES, *CAPTION_MESSAGES, *SIMPLE_MESSAGES),
)
