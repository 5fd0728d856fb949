"""The messages of Deepgram's WebSocket, for the AsyncAPI document."""

from whisper_appliance.protocols.deepgram.listen_query import ListenStreamQuery
from whisper_appliance.web.asyncapi import (
    AUDIO,
    BINARY,
    FLAG,
    INTEGER,
    NUMBER,
    OBJECT,
    TEXT,
    SocketChannel,
    SocketMessage,
    list_of,
    object_of,
    typed,
)

WORD = object_of(word=TEXT, start=NUMBER, end=NUMBER, confidence=NUMBER, punctuated_word_=TEXT)
CHANNEL_INDEX = list_of(INTEGER)

CHANNEL = SocketChannel(
    "deepgram",
    "/v1/listen",
    "Deepgram",
    "Deepgram's WebSocket for live speech. The options are in the query.",
    (
        SocketMessage("audio", "receive", "Audio as the query says.", AUDIO, content_type=BINARY),
        typed("Finalize", "receive", "Makes the words so far final.", channel_=INTEGER),
        typed("KeepAlive", "receive", "Has no effect, because a silent connection stays open."),
        typed("CloseStream", "receive", "Ends the recording."),
        typed("Configure", "receive", "Refused by `ConfigureFailure`."),
        typed(
            "Results",
            "send",
            "Words of an utterance; they change until `is_final`.",
            channel_index=CHANNEL_INDEX,
            start=NUMBER,
            duration=NUMBER,
            is_final=FLAG,
            speech_final=FLAG,
            from_finalize=FLAG,
            channel=object_of(
                alternatives=list_of(object_of(transcript=TEXT, confidence=NUMBER, words=list_of(WORD)))
            ),
            metadata=OBJECT,
        ),
        typed("SpeechStarted", "send", "Speech began.", channel=CHANNEL_INDEX, timestamp=NUMBER),
        typed("UtteranceEnd", "send", "A silence followed.", channel=CHANNEL_INDEX, last_word_end=NUMBER),
        typed("Error", "send", "What failed.", variant=TEXT, description=TEXT, code=TEXT),
        typed("ConfigureFailure", "send", "Options are set once.", code=TEXT, description=TEXT),
        typed(
            "Metadata",
            "send",
            "The last message.",
            request_id=TEXT,
            sha256=TEXT,
            created=TEXT,
            duration=NUMBER,
            channels=INTEGER,
            transcript_ids=list_of(TEXT),
        ),
    ),
    query={
        each.alias or name: each.description or "" for name, each in ListenStreamQuery.model_fields.items()
    },
)
