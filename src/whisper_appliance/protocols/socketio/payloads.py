"""Payloads of the live events, validated, and the acknowledgement of an error."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from whisper_appliance.core import errors
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import ApplianceError, InvalidRequest
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.engines.contract import Task
from whisper_appliance.live.manager import SessionRequest
from whisper_appliance.protocols.socketio.emit import JsonObject
from whisper_appliance.protocols.webrtc import MAX_OFFER_BYTES
from whisper_appliance.transcript.languages import language_code
from whisper_appliance.web.errors import invalid_input
from whisper_appliance.web.i18n import translate_error

SessionId = Annotated[str, Field(pattern=ID_REGEX)]
Token = Annotated[str, Field(max_length=100)]
SequenceNumber = Annotated[int, Field(ge=0, lt=2**53)]
Payload = TypeVar("Payload", bound=BaseModel)

ERROR_CODES: dict[type[ApplianceError], str] = {
    errors.InvalidRequest: "bad_format",
    errors.TooLarge: "too_large",
    errors.NotFound: "gone",
    errors.WebRtcMissing: "webrtc_missing",
    errors.Busy: "busy",
    errors.ModelUnavailable: "model_missing",
    errors.DiskFull: "disk_full",
}


class _Payload(Schema):
    model_config = ConfigDict(strict=True, extra="ignore")


class StartOptions(_Payload):
    """Options of a new session; None selects the default of the appliance."""

    format: Literal["pcm_s16le", "webm_opus", "mp4_aac"] = "pcm_s16le"
    rate: int = SAMPLE_RATE
    language: str | None = None
    model: str | None = Field(None, max_length=100)
    task: Task = "transcribe"
    prompt: str | None = Field(None, max_length=4000)
    hotwords: str | None = Field(None, max_length=2000)
    title: str | None = Field(None, max_length=1000)

    @field_validator("language")
    @classmethod
    def _to_code(cls, value: str | None) -> str | None:
        return language_code(value) if value else None

    def request(self) -> SessionRequest:
        """The request for the live manager."""
        names = set(SessionRequest.__slots__)
        return SessionRequest(**self.model_dump(include=names) | {"title": self.title or ""})


class Start(StartOptions):
    """The payload of live:start."""

    v: Literal[1] = 1
    partials: bool = True
    words: bool = True


class AudioHeader(_Payload):
    """The first argument of live:audio; the audio is the second."""

    s: SessionId
    q: SequenceNumber


class SessionRef(_Payload):
    """The payload of live:cancel and live:pause."""

    session: SessionId


class Stop(SessionRef):
    """The payload of live:stop."""

    next_seq: SequenceNumber


class Resume(SessionRef):
    """The payload of live:resume."""

    token: Token
    last_eid: SequenceNumber | None = None


class WebRtcOffer(SessionRef):
    """The payload of live:webrtc."""

    sdp: Annotated[str, Field(max_length=MAX_OFFER_BYTES)]


class Switch(SessionRef):
    """The payload of live:switch."""

    seq: SequenceNumber


class WatchCaptions(_Payload):
    """The payload of captions:watch."""

    token: Token


def parse(model: type[Payload], arguments: tuple[Any, ...]) -> Payload:
    """Validates the only argument of an event. Raises `InvalidRequest`."""
    if len(arguments) != 1:
        raise InvalidRequest("This event takes one payload, an object.")
    try:
        return model.model_validate(arguments[0])
    except ValidationError as error:
        raise invalid_input(error) from None


def error_ack(error: ApplianceError) -> JsonObject:
    """The acknowledgement of an event that raised an error."""
    classes = type(error).__mro__
    code = next((ERROR_CODES[parent] for parent in classes if parent in ERROR_CODES), error.code)
    ack: JsonObject = {"ok": False, "code": code, "message": translate_error(error)}
    if error.field:
        ack["field"] = error.field
    if error.retry_after_seconds is not None:
        ack["retry_after"] = error.retry_after_seconds
    return ack
