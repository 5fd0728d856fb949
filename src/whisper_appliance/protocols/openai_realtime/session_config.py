"""The configuration of a session: OpenAI's objects, validated and updated in part; also older flat names."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.schema import Schema
from whisper_appliance.live.endpointing import DEFAULT_ENDPOINTING, Endpointing
from whisper_appliance.transcript.languages import language_code
from whisper_appliance.web.errors import invalid_input

JsonObject = dict[str, Any]
LIVE_MODELS = ("gpt-live-transcribe", "gpt-realtime-whisper")
"""Models without turn detection, unless a client requests it."""
LOGPROBS = "item.input_audio_transcription.logprobs"
PCM_RATES = (8000, 16_000, 24_000, 48_000)
INTERVAL_FACTORS: dict[str | None, float | None] = {
    None: 1.0,
    "minimal": 0.6,
    "low": 1.0,
    "medium": 2.0,
    "high": 4.0,
    "xhigh": None,
}
"""`delay` as the interval of decoding: two decodes in a row must agree, so words wait for it; `xhigh` commits
them at the end of an utterance only."""
EAGERNESS_SECONDS = {"low": 8.0, "medium": 4.0, "auto": 4.0, "high": 2.0}
MIN_THRESHOLD, MAX_THRESHOLD = 0.2, 0.95
MIN_PAUSE_SECONDS = 0.1
BETA_FORMATS = {
    "pcm16": {"type": "audio/pcm", "rate": 24_000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}


class _Part(Schema):
    model_config = ConfigDict(strict=True, extra="ignore")


class AudioFormat(_Part):
    """The format of appended audio. OpenAI takes PCM of 24 kHz only; other usual rates work here too."""

    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"] = "audio/pcm"
    rate: int | None = None

    @model_validator(mode="after")
    def _check_rate(self) -> "AudioFormat":
        if self.type == "audio/pcm" and self.rate is None:
            self.rate = 24_000
        if self.rate is not None and self.rate not in PCM_RATES:
            raise ValueError("the rate must be 24000")
        return self


class NoiseReduction(_Part):
    """Accepted and returned; Whisper needs none."""

    type: Literal["near_field", "far_field"]
    strength: float = Field(1.0, ge=0)


class InputTranscription(_Part):
    """The model and its hints."""

    model: str | None = Field(default=None, max_length=100)
    language: str | None = None
    languages: list[str] | None = None
    keywords: list[str] | None = Field(default=None, max_length=200)
    prompt: str | None = Field(default=None, max_length=4000)
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None

    @field_validator("language")
    @classmethod
    def _check_language(cls, value: str | None) -> str | None:
        if value:
            language_code(value)
        return value or None

    @field_validator("languages")
    @classmethod
    def _check_languages(cls, value: list[str] | None) -> list[str] | None:
        for each in value or ():
            language_code(each)
        return value

    @field_validator("keywords")
    @classmethod
    def _check_keywords(cls, value: list[str] | None) -> list[str] | None:
        if any(not keyword.strip() or set(keyword) & set("<>\r\n") for keyword in value or ()):
            raise ValueError("a keyword is one line without < and >")
        return value

    @model_validator(mode="after")
    def _check_one_kind(self) -> "InputTranscription":
        if self.language and self.languages:
            raise ValueError("send either language or languages")
        return self


class _TurnDetection(_Part):
    create_response: bool | None = None
    interrupt_response: bool | None = None


class ServerVad(_TurnDetection):
    """A pause ends a turn."""

    type: Literal["server_vad"]
    threshold: float = Field(0.5, ge=0, le=1)
    prefix_padding_ms: int = Field(300, ge=0, le=10_000)
    silence_duration_ms: int = Field(500, ge=0, le=60_000)
    idle_timeout_ms: int | None = Field(None, ge=1000)


class SemanticVad(_TurnDetection):
    """The end of a sentence, or a long pause, ends a turn."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"


class AudioInput(_Part):
    """All about the audio of the client."""

    format: AudioFormat = AudioFormat()
    noise_reduction: NoiseReduction | None = None
    transcription: InputTranscription | None = None
    turn_detection: Annotated[ServerVad | SemanticVad, Field(discriminator="type")] | None = None


class SessionAudio(_Part):
    """`audio` of a session."""

    input: AudioInput = AudioInput()


class TranscriptionConfig(_Part):
    """A session of type `transcription`."""

    type: Literal["transcription"] = "transcription"
    audio: SessionAudio = SessionAudio()
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None = None

    @property
    def transcription(self) -> InputTranscription:
        """The model and its hints; the defaults if the client set none."""
        return self.audio.input.transcription or InputTranscription()

    @property
    def turn_detection(self) -> ServerVad | SemanticVad | None:
        """None: turns end by commits only."""
        return self.audio.input.turn_detection

    @property
    def wants_logprobs(self) -> bool:
        """True if deltas carry the probabilities of their words."""
        return LOGPROBS in (self.include or ())

    @property
    def language(self) -> str | None:
        """The code of the language; None to detect it."""
        wanted = self.transcription
        only = wanted.languages[0] if wanted.languages and len(wanted.languages) == 1 else None
        chosen = wanted.language or only
        return language_code(chosen) if chosen else None

    @property
    def languages(self) -> tuple[str, ...]:
        """The codes of the languages that may be spoken; empty: all."""
        codes = (language_code(name) for name in self.transcription.languages or ())
        return tuple(code for code in codes if code)

    @property
    def hotwords(self) -> str | None:
        """The keywords as the words to expect."""
        return ", ".join(self.transcription.keywords or ()) or None

    @property
    def interval_factor(self) -> float | None:
        """See `INTERVAL_FACTORS`."""
        return INTERVAL_FACTORS[self.transcription.delay]

    @property
    def endpointing(self) -> Endpointing:
        """When utterances of the live session begin and end."""
        vad = self.turn_detection
        if isinstance(vad, SemanticVad):
            return Endpointing(long_pause_seconds=EAGERNESS_SECONDS[vad.eagerness])
        if vad is None:
            return DEFAULT_ENDPOINTING
        return Endpointing(
            min(max(vad.threshold, MIN_THRESHOLD), MAX_THRESHOLD),
            vad.prefix_padding_ms / 1000,
            max(vad.silence_duration_ms / 1000, MIN_PAUSE_SECONDS),
            vad.idle_timeout_ms and vad.idle_timeout_ms / 1000,
        )

    def as_json(self) -> JsonObject:
        """The session as OpenAI's servers send it."""
        return self.model_dump(mode="json", exclude={"audio": {"input": {"transcription"}}}) | {
            "audio": {"input": self._input_json()}
        }

    def as_beta_json(self) -> JsonObject:
        """The session with the older flat names."""
        given = self._input_json()
        flat = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}
        return {
            "input_audio_format": flat[given["format"]["type"]],
            "input_audio_transcription": given["transcription"],
            "input_audio_noise_reduction": given["noise_reduction"],
            "turn_detection": given["turn_detection"],
            "include": self.include,
        }

    def _input_json(self) -> JsonObject:
        given = self.audio.input
        vad, hints = given.turn_detection, given.transcription
        return {
            "format": given.format.model_dump(exclude_none=True),
            "noise_reduction": given.noise_reduction.model_dump() if given.noise_reduction else None,
            "transcription": hints.model_dump(exclude_none=True) if hints else None,
            "turn_detection": vad.model_dump(exclude_none=True) if vad else None,
        }


def parse_config(session: Mapping[str, Any]) -> TranscriptionConfig:
    """Validates the whole session. Raises `InvalidRequest`, whose field begins with `session`."""
    if session.get("type", "transcription") != "transcription":
        raise InvalidRequest(
            "This server transcribes only. Send a session of the type 'transcription'.", field="session.type"
        )
    try:
        return TranscriptionConfig.model_validate(_with_turn_detection(session))
    except ValidationError as error:
        problem = invalid_input(error)
        problem.field = f"session.{problem.field}" if problem.field else "session"
        raise problem from None


def merged(current: Mapping[str, Any], update: Mapping[str, Any]) -> JsonObject:
    """`current` with the fields of `update`; null clears a field, and another type of VAD replaces it."""
    result = dict(current)
    for name, value in update.items():
        before = result.get(name)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        same_type = both and before.get("type", value.get("type")) == value.get("type", before.get("type"))  # type: ignore[union-attr]
        keeps = both and (same_type or name == "noise_reduction")
        result[name] = merged(before, value) if keeps else value  # type: ignore[arg-type]
    for other, name in (("languages", "language"), ("language", "languages")):
        if name in update and other not in update and update[name]:
            result.pop(other, None)
    return result


def from_beta(session: Mapping[str, Any]) -> JsonObject:
    """A session with the older flat names as one with the present names."""
    given: JsonObject = {}
    if "input_audio_format" in session:
        name = session["input_audio_format"]
        if name not in BETA_FORMATS:
            raise InvalidRequest(
                "input_audio_format must be pcm16, g711_ulaw or g711_alaw.",
                field="session.input_audio_format",
            )
        given["format"] = BETA_FORMATS[name]
    for old, new in (
        ("input_audio_transcription", "transcription"),
        ("input_audio_noise_reduction", "noise_reduction"),
        ("turn_detection", "turn_detection"),
    ):
        if old in session:
            given[new] = session[old]
    kept = {name: session[name] for name in ("include", "audio") if name in session}
    return merged(kept, {"audio": {"input": given}}) if given else kept


def _with_turn_detection(session: Mapping[str, Any]) -> Mapping[str, Any]:
    """The default of turn detection depends on the model; null is no default."""
    audio = session.get("audio") or {}
    given = audio.get("input") if isinstance(audio, Mapping) else None
    if given is not None and not isinstance(given, Mapping):
        return session
    hints = (given or {}).get("transcription") or {}
    if given and "turn_detection" in given:
        return session
    model = hints.get("model") if isinstance(hints, Mapping) else None
    default = None if model in LIVE_MODELS else {"type": "server_vad"}
    return {**session, "audio": {**audio, "input": {**(given or {}), "turn_detection": default}}}
