"""The progress of a job as Server-Sent Events (SSE)."""

import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

from flask import Response

from whisper_appliance.app.appliance import Appliance
from whisper_appliance.jobs.job import Job
from whisper_appliance.web import sse
from whisper_appliance.web.auth import resources
from whisper_appliance.web.context import appliance
from whisper_appliance.web.i18n import localized
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import JOBS, error_responses, text_response
from whisper_appliance.web.schemas.job import (
    JobPath,
    job_response,
    segment_responses,
    segments_of,
    transcript_of,
)

HEARTBEAT_SECONDS = 15.0
POLL_SECONDS = 1.0
"""Changes made by another process notify nobody here, so the job is also polled."""

blueprint = LazyBlueprint("events", __name__, abp_tags=[JOBS])


@blueprint.get(
    "/api/jobs/<hex32:id>/events",
    responses={
        200: text_response(
            "`event: job` with the job whenever it changes, `event: segments` with `{segments: [...]}` for "
            "every window of audio that was heard, from the first on. Ends with a final job.",
            "text/event-stream",
        ),
        **error_responses(401, 403, 404, 429, 503),
    },
    operation_id="events_follow_api_jobs__hex32_id__events_get",
)
def stream_job_events(path: JobPath) -> Response:
    """A job as it goes on: its state and its words, as Server-Sent Events."""

    def authorize() -> Job:
        return resources.authorized_job(path.id, "read")

    return sse.sse_response(JobEventStream(appliance(), authorize()).events(), authorize)


class JobEventStream:
    """Sends one client the changes of one job, and each of its segments once."""

    def __init__(
        self, appliance: Appliance, job: Job, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._appliance = appliance
        self._job = job
        self._monotonic = monotonic
        self._after_sample = -1
        self._segments = 0

    def events(self) -> Iterator[str]:
        """The stream, until the job reaches a final state or the client disconnects."""
        return sse.with_heartbeat(self._frames(), HEARTBEAT_SECONDS, self._monotonic)

    def _frames(self) -> Generator[str | None, None, None]:
        sent: dict[str, Any] = {}
        with self._appliance.job_notifier.subscribe(self._job.id) as changed:
            while True:
                changed.clear()
                job = self._appliance.queue.get(self._job.id)
                frames = [*self._new_segments(job)]
                response = localized(job_response(self._appliance, job))
                if (news := response | {"seconds_left": None}) != sent:  # time alone is no news
                    frames.append(sse.frame("job", response))
                    sent = news
                yield from frames or (None,)
                if job.ended or self._appliance.queue.stopping:
                    return
                changed.wait(POLL_SECONDS)

    def _new_segments(self, job: Job) -> Iterator[str]:
        """Segments of windows finished since the last call; at the end, those of the last windows."""
        if job.ended:
            transcript = transcript_of(self._appliance, job)
            new = list(transcript.segments[self._segments :]) if transcript else []
        else:
            windows = self._appliance.queue.windows_of(job.id, after_sample=self._after_sample)
            new = segments_of(windows)
            self._after_sample = windows[-1].start_sample if windows else self._after_sample
        if new:
            yield sse.frame("segments", {"segments": segment_responses(new, self._segments)})
            self._segments += len(new)
