"""A transcription as Server-Sent Events of OpenAI's API: deltas, segments, and one `done`."""

import json
from collections.abc import Generator, Iterator
from typing import Any

from whisper_appliance.api.openai import errors
from whisper_appliance.api.openai.form import TranscriptionForm
from whisper_appliance.api.openai.schemas import diarized_body, logprobs, token_usage
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.jobs.job import Job
from whisper_appliance.transcript.model import Transcript
from whisper_appliance.web import sse
from whisper_appliance.web.errors import status_of_code
from whisper_appliance.web.http_api import Failure
from whisper_appliance.web.i18n import translate_error
from whisper_appliance.web.program_requests import note_failure
from whisper_appliance.web.schemas.job import segments_of, transcript_of

HEARTBEAT_SECONDS = 15.0
POLL_SECONDS = 1.0
END = "data: [DONE]\n\n"


class TranscriptStream:
    """The events of one job. The deltas joined are the text of `done`, to the letter.

    Deltas are the windows as they are finished. The end of the transcript may still change a window that was
    sent; then `done` has the text that was sent, because a delta cannot be taken back.
    """

    def __init__(self, appliance: Appliance, job: Job, form: TranscriptionForm) -> None:
        self._appliance = appliance
        self._job = job
        self._form = form
        self._after_sample = -1
        self._sent = ""
        self._sent_words = 0

    def frames(self) -> Iterator[str]:
        """The stream, until the job has ended."""
        return sse.with_heartbeat(self._frames(), HEARTBEAT_SECONDS)

    def _frames(self) -> Generator[str | None, None, None]:
        queue = self._appliance.queue
        in_order = self._form.response_format != "diarized_json"  # channels are transcribed one by one
        with self._appliance.job_notifier.subscribe(self._job.id) as changed:
            while not (job := queue.get(self._job.id)).ended and not queue.stopping:
                changed.clear()
                yield from (self._new_deltas() if in_order else ()) or (None,)
                changed.wait(POLL_SECONDS)
        transcript = transcript_of(self._appliance, job)
        yield from self._final_events(transcript) if transcript else self._failure(job)
        yield END

    def _new_deltas(self) -> list[str]:
        windows = self._appliance.queue.windows_of(self._job.id, after_sample=self._after_sample)
        if not windows:
            return []
        self._after_sample = windows[-1].start_sample
        segments = segments_of(windows)
        text = "".join(segment.text for segment in segments)
        return self._delta(text if self._sent else text.lstrip(), logprobs(segments))

    def _delta(self, text: str, words: list[dict[str, Any]]) -> list[str]:
        if not text:
            return []
        self._sent += text
        self._sent_words += len(words)
        extra = {"logprobs": words} if self._form.include else {}
        return [_frame({"type": "transcript.text.delta", "delta": text, **extra})]

    def _final_events(self, transcript: Transcript) -> Iterator[str]:
        if transcript.text.startswith(self._sent):
            rest = logprobs(transcript.segments)[self._sent_words :]
            yield from self._delta(transcript.text[len(self._sent) :], rest)
        else:
            yield from self._new_deltas()
        if self._form.response_format == "diarized_json":
            for segment in diarized_body(transcript)["segments"]:
                yield _frame(segment)
        done: dict[str, Any] = {
            "type": "transcript.text.done",
            "text": self._sent,
            "languages": [{"code": code} for code in transcript.languages],
            "usage": token_usage(transcript),
        }
        if self._form.include:
            done["logprobs"] = logprobs(transcript.segments)
        yield _frame(done)

    def _failure(self, job: Job) -> Iterator[str]:
        code = job.error.code if job.error else "unavailable"
        message = job.error.message if job.error else "The work was interrupted. Send the request again."
        yield error_frame(code, message)


def error_of_rights(error: ApplianceError) -> str:
    """The end of a stream whose key was revoked meanwhile, or whose user may no more."""
    return error_frame(error.code, translate_error(error)) + END


def error_frame(code: str, message: str) -> str:
    """An error in a stream that has begun: the client raises it."""
    status = status_of_code(code)
    note_failure(code, message)
    return _frame(errors.envelope(Failure(status, code, message, None, ""), status))


def _frame(event: dict[str, Any]) -> str:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n"
