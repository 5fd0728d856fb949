"""The tools that transcribe a recording, and follow its job."""

import base64
import binascii

from pydantic import Field, field_validator

from whisper_appliance.api.mcp.citations import link_to
from whisper_appliance.api.mcp.tools import Arguments, Caller, Tool, ToolResult
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.engines.contract import Options
from whisper_appliance.jobs.job import Job
from whisper_appliance.transcript.languages import language_code
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.auth.resources import authorized_job
from whisper_appliance.web.context import appliance
from whisper_appliance.web.schemas.job import text_so_far
from whisper_appliance.web.transcription_requests import submit_content, wait_for

WAIT_SECONDS = 45.0
"""Many clients give up after a minute."""


class TranscribeArguments(Arguments):
    """A recording and its options."""

    filename: str = Field(min_length=1, max_length=255, description="Its name, which becomes the title.")
    content_base64: str = Field(min_length=1, description="The file itself, in base64.")
    language: str | None = Field(None, max_length=40, description="Code of the language; none: detected.")
    prompt: str | None = Field(None, max_length=4000, description="Names and terms that may be said.")

    @field_validator("language")
    @classmethod
    def _to_code(cls, value: str | None) -> str | None:
        return None if value is None else language_code(value)

    @property
    def model(self) -> str | None:
        """The default model."""
        return None

    def options(self) -> Options:
        """The transcription options."""
        return Options(language=self.language, prompt=self.prompt, word_timestamps=True)

    def content(self) -> bytes:
        """The bytes of the file. Raises `InvalidRequest`."""
        try:
            return base64.b64decode(self.content_base64, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidRequest("content_base64 is not valid base64.", field="content_base64") from None


class JobArguments(Arguments):
    """Which job."""

    job: str = Field(pattern=ID_REGEX, description="Id of the job, from `transcribe`.")


class JobResult(ToolResult):
    """A job, and the text as far as it is known."""

    job: str
    status: str = Field(description="queued, running, done, failed or cancelled.")
    progress: float = Field(description="From 0 to 1.")
    recording: str | None = Field(None, description="Id of the transcribed recording, once it is done.")
    text: str = ""
    error: str | None = None
    link: str | None = None

    def to_text(self) -> str:
        match self.status:
            case "done":
                return f"{self.text}\n(recording {self.recording}, {self.link})"
            case "failed" | "cancelled":
                return f"The job {self.job} {self.status}. {self.error or ''}".strip()
            case _:
                return f"The job {self.job} is {self.status} ({self.progress:.0%}). Call get_job later."


def transcribe(caller: Caller, arguments: TranscribeArguments) -> JobResult:
    """Transcribes a file, and waits a while for the end."""
    require("transcribe")
    content = arguments.content()
    with caller.upload_slot():
        job = submit_content(arguments, arguments.filename, content)
    return _result(wait_for(job, WAIT_SECONDS))


def get_job(_caller: Caller, arguments: JobArguments) -> JobResult:
    """Returns how far a job of the user is."""
    return _result(authorized_job(arguments.job, "read"))


def _result(job: Job) -> JobResult:
    return JobResult(
        job=job.id,
        status=job.status,
        progress=round(job.progress, 3),
        recording=job.transcript_id,
        text=text_so_far(appliance(), job),
        error=job.error.message if job.error else None,
        link=link_to(job.transcript_id) if job.transcript_id else None,
    )


TOOLS = (
    Tool(
        "transcribe",
        "Transcribe a file",
        "Transcribes an audio or video file of up to 12 MB. A long one goes on as a job: call get_job for "
        "its text.",
        TranscribeArguments,
        JobResult,
        transcribe,
        reads_only=False,
    ),
    Tool(
        "get_job",
        "Follow a transcription",
        "How far a transcription is, and its text so far.",
        JobArguments,
        JobResult,
        get_job,
    ),
)
