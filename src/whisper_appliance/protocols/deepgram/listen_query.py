"""The options of a Deepgram connection, from the query of its handshake."""

from pydantic import Field

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.live.endpointing import Endpointing
from whisper_appliance.live.manager import SessionRequest
from whisper_appliance.protocols.deepgram.listen_audio import OPUS, RecorderFormat
from whisper_appliance.web.deepgram_format import ListenOptions

MIN_PAUSE_SECONDS = 0.3
"""Shorter pauses cut phrases apart, which Whisper needs whole; Deepgram's own default is 10 ms."""
MAX_MS = 60_000


class ListenStreamQuery(ListenOptions):
    """The options of live speech."""

    interim_results: bool = Field(False, description="Also text that is not final.")
    endpointing: str | None = Field(
        None, max_length=10, description="Milliseconds of silence that end an utterance; `false`: no ends."
    )
    utterance_end_ms: int | None = Field(
        None, ge=1, le=MAX_MS, description="Milliseconds of silence after which `UtteranceEnd` is sent."
    )
    vad_events: bool = Field(False, description="Also `SpeechStarted`.")

    @property
    def streams(self) -> int:
        """How many live sessions the audio needs."""
        return self.channels if self.multichannel and self.encoding not in (None, OPUS) else 1

    @property
    def marks_endpoints(self) -> bool:
        """True if the ends of utterances are marked by `speech_final`."""
        return self.endpointing != "false"

    def session_request(self, recorder: RecorderFormat | None = None) -> SessionRequest:
        """The request of a live session. Raises `InvalidRequest`."""
        return SessionRequest(
            format=recorder or "pcm_s16le",
            language=self.language,
            model=self.local_model,
            hotwords=self.hotwords,
            endpointing=self._endpointing(),
        )

    def _endpointing(self) -> Endpointing:
        pause = Endpointing().pause_seconds
        if self.endpointing not in (None, "true", "false"):
            if not self.endpointing.isdecimal() or int(self.endpointing) > MAX_MS:
                raise InvalidRequest(
                    "endpointing must be false, or milliseconds up to {max_ms}.",
                    max_ms=MAX_MS,
                    field="endpointing",
                )
            pause = max(MIN_PAUSE_SECONDS, int(self.endpointing) / 1000)
        long_pause = None if self.utterance_end_ms is None else self.utterance_end_ms / 1000
        return Endpointing(pause_seconds=pause, long_pause_seconds=long_pause)
