"""The messages of the Vosk WebSocket, for the AsyncAPI document."""

from whisper_appliance.web.asyncapi import (
    AUDIO,
    BINARY,
    FLAG,
    INTEGER,
    NULL_OR_TEXT,
    NUMBER,
    TEXT,
    SocketChannel,
    SocketMessage,
    described,
    list_of,
    message,
    object_of,
)

CHANNEL = SocketChannel(
    "vosk",
    "/vosk",
    "Vosk",
    "The WebSocket of vosk-server. Each chunk of audio is answered by at least one message.",
    (
        message(
            "config",
            "receive",
            "How the audio is; may be sent again, which starts a new recording.",
            config=object_of(
                sample_rate_=described(INTEGER, "8000 to 48000; default 16000"),
                language_=described(TEXT, "A code; answered by `success`"),
                model_=TEXT,
                words_=described(FLAG, "Whether results have words; default true"),
            ),
        ),
        SocketMessage(
            "audio", "receive", "PCM, signed 16 bit, little endian, mono.", AUDIO, content_type=BINARY
        ),
        message("reset", "receive", "Drops results that are not sent yet.", reset=INTEGER),
        message("eof", "receive", "Ends the recording.", eof=INTEGER),
        message("partial", "send", "The text of this utterance so far.", partial=TEXT),
        message(
            "result",
            "send",
            "A finished utterance; the last one has the transcript's id.",
            text=TEXT,
            result_=list_of(object_of(word=TEXT, start=NUMBER, end=NUMBER, conf=NUMBER)),
            transcript_id_=NULL_OR_TEXT,
        ),
        message("success", "send", "The language has changed.", success=FLAG, language=NULL_OR_TEXT),
        message("error", "send", "What failed; the connection stays open.", error=TEXT, code=TEXT),
    ),
)
