"""What clients of the live events send, checked; and how they are refused."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from whisper_appliance.core import errors
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import ApplianceError, InvalidRequest
from whisper_appliance.engines.contract import Task
from whisper_appliance.live.manager import SessionRequest
from whisper_appliance.transcript.languages import language_code
from whisper_appliance.web.errors import invalid

Id = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Token = Annotated[str, Field(max_length=100)]
Number = Annotated[int, Field(ge=0, lt=2**53)]
Checked = TypeVar("Checked", bound=BaseModel)

CODES: dict[type[ApplianceError], str] = {
    errors.InvalidRequest: "bad_format",
    errors.TooLarge: "too_large",
    errors.NotFound: "gone",
    errors.Busy: "busy",
    errors.ModelUnavailable: "model_missing",
    errors.DiskFull: "disk_full",
}


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class StartOptions(_Payload):
    """How a session is to be heard; None leaves the choice to the appliance."""

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
    def _known_language(cls, value: str | None) -> str | None:
        return language_code(value) if value else None

    def request(self) -> SessionRequest:
        """For the live room."""
        return SessionRequest(
            **self.model_dump(include=set(SessionRequest.__slots__)) | {"title": self.title or ""}
        )


class Start(StartOptions):
    """live:start"""

    v: Literal[1] = 1
    partials: bool = True
    words: bool = True


class AudioHeader(_Payload):
    """The head of live:audio; the audio is the second argument."""

    s: Id
    q: Number


class SessionRef(_Payload):
    """live:cancel, live:pause"""

    session: Id


class Stop(SessionRef):
    """live:stop"""

    next_seq: Number


class Resume(SessionRef):
    """live:resume"""

    token: Token
    last_eid: Number | None = None


class WatchCaptions(_Payload):
    """captions:watch"""

    token: Token


def read(kind: type[Checked], arguments: tuple[Any, ...]) -> Checked:
    """The one payload of an event. Raises `InvalidRequest`."""
    if len(arguments) != 1:
        raise InvalidRequest("This event takes one payload, an object.")
    try:
        return kind.model_validate(arguments[0])
    except ValidationError as error:
        raise invalid(error) from None


def error_ack(error: ApplianceError) -> dict[str, Any]:
    """A refused event, as its acknowledgement."""
    code = next((CODES[parent] for parent in type(error).__mro__ if parent in CODES), error.code)
    answer: dict[str, Any] = {"ok": False, "code": code, "message": error.message}
    if error.field:
        answer["field"] = error.field
    if error.retry_after_seconds is not None:
        answer["retry_after"] = error.retry_after_seconds
    return answer
