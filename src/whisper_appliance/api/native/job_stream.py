"""A job as it goes on, as Server-Sent Events."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response

from whisper_appliance.app.appliance import Appliance
from whisper_appliance.jobs.job import Job
from whisper_appliance.web.auth import resources
from whisper_appliance.web.context import web_context
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
"""Changes that another process makes ring no bell here."""

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
    appliance, streams = web_context().appliance, web_context().streams
    job = resources.authorized_job(path.id, "read")
    streams.acquire()
    response = Response(JobEventStream(appliance, job).events(), mimetype="text/event-stream")
    response.call_on_close(streams.release)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    return response


class JobEventStream:
    """Tells one listener what is new of one job."""

    def __init__(
        self, appliance: Appliance, job: Job, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._appliance = appliance
        self._job = job
        self._monotonic = monotonic
        self._after_sample = -1
        self._segments = 0

    def events(self) -> Iterator[str]:
        """The stream, up to the final state or until nobody reads it any more."""
        told: dict[str, Any] = {}
        spoke = self._monotonic()
        with self._appliance.job_notifier.subscribe(self._job.id) as bell:
            while True:
                bell.clear()
                job = self._now()
                news = [*self._words(job)]
                if (shown := job_response(self._appliance, job)) != told:
                    news.append(_event("job", shown))
                    told = shown
                if not news and self._monotonic() - spoke >= HEARTBEAT_SECONDS:
                    news.append(": still here\n\n")
                if news:
                    spoke = self._monotonic()
                yield from news
                if job.ended or self._appliance.queue.stopping:
                    return
                bell.wait(POLL_SECONDS)

    def _now(self) -> Job:
        return self._appliance.queue.get(self._job.id)

    def _words(self, job: Job) -> Iterator[str]:
        """What was heard since the last time; at the end, what the last windows held."""
        if job.ended:
            transcript = transcript_of(self._appliance, job)
            new = list(transcript.segments[self._segments :]) if transcript else []
        else:
            windows = self._appliance.queue.windows_of(job.id, after_sample=self._after_sample)
            new = segments_of(windows)
            self._after_sample = windows[-1].start_sample if windows else self._after_sample
        if new:
            yield _event("segments", {"segments": segment_responses(new, self._segments)})
            self._segments += len(new)


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
