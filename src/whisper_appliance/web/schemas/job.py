"""The JSON of jobs, and of their partial transcripts."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from pydantic import Field

from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import NotFound
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.engines.contract import Priority
from whisper_appliance.jobs.job import FinishedWindow, Job
from whisper_appliance.jobs.waiting_order import WaitingQueue
from whisper_appliance.transcript.codec import segment_to_dict
from whisper_appliance.transcript.model import Segment, Transcript

NOTHING_WAITS = WaitingQueue((), {}, {}, frozenset())


def job_response(
    appliance: Appliance, job: Job, *, text: str = "", waiting: WaitingQueue | None = None
) -> dict[str, Any]:
    """A job with its position in the queue, which is read unless it is given.

    `text` is left out of lists, because it may be long.
    """
    if waiting is None:
        waiting = appliance.queue.waiting() if job.status == "queued" else NOTHING_WAITS
    return {
        "id": job.id,
        "status": job.status,
        "progress": round(job.progress, 4),
        "seconds_left": None if job.id in waiting.paused else _rounded(appliance.queue.seconds_left(job)),
        "position": waiting.positions.get(job.id),
        "own_place": waiting.own_places.get(job.id),
        "paused": job.id in waiting.paused,
        "batch": job.priority == Priority.BATCH,
        "error": asdict(job.error) if job.error else None,
        "waiting": asdict(job.waiting) if job.waiting else None,
        "can_retry": appliance.queue.can_retry(job),
        "transcript_id": job.transcript_id,
        "reused": job.reused,
        "translation_of": job.translation_of,
        "title": job.title,
        "model": job.wanted_model or appliance.models.default,
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
        "duration": job.duration,
        "text": text,
    }


def _rounded(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def text_so_far(appliance: Appliance, job: Job) -> str:
    """The partial text of a running job, or the text of its transcript."""
    if job.status == "running":
        return "".join(segment.text for segment in segments_of(appliance.queue.windows_of(job.id))).strip()
    transcript = transcript_of(appliance, job)
    return transcript.text if transcript else ""


def transcript_of(appliance: Appliance, job: Job) -> Transcript | None:
    """The transcript of the job; None if it has none or it is in the trash."""
    if not job.transcript_id:
        return None
    try:
        transcript = appliance.transcripts.get(job.transcript_id, job.owner).transcript
    except NotFound:
        return None
    if not job.translation_of:
        return transcript
    translation = appliance.translations.of(job.transcript_id)
    return translation.transcript if translation else None


def segments_of(windows: Iterable[FinishedWindow]) -> list[Segment]:
    """The segments of finished windows, with times of the original file."""
    return [segment for window in windows for segment in window.result.segments]


def segment_responses(segments: Iterable[Segment], first_id: int) -> list[dict[str, Any]]:
    """Segments as JSON, numbered from `first_id`."""
    return [segment_to_dict(number, segment) for number, segment in enumerate(segments, first_id)]


class JobPath(Schema):
    """The address of a job."""

    id: str = Field(description="Id of the job.", pattern=ID_REGEX)
