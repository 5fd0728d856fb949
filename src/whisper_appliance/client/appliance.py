"""The client for programs that wait for each call. `async_appliance` has the same for asyncio."""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from whisper_appliance.client import calls
from whisper_appliance.client.calls import Call, Source
from whisper_appliance.client.connection import (
    SILENCE_SECONDS,
    JobProgress,
    OnEvent,
    address,
    check,
    pause_before_repeat,
    stream_live,
    transcript_id_of,
    unreachable,
)
from whisper_appliance.client.results import Job, LiveEnd, Page, Progress, Transcript, TranscriptSummary
from whisper_appliance.core.errors import ApplianceError, Unavailable

T = TypeVar("T")


class Appliance:
    """A connection to an appliance; a context manager. Its methods raise the classes of `core.errors`."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        ca_file: Path | str | None = None,
        ca_fingerprint: str | None = None,
        insecure: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`key` is an API key of the appliance. How `url` is trusted: see `client.trust.tls_context`."""
        self._address = address(url, key, ca_file, ca_fingerprint, insecure)
        self._http = httpx2.Client(**self._address.http_options(SILENCE_SECONDS))
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()

    def transcribe(self, source: Source, **options: Any) -> Transcript:
        """The transcript of a recording, however long it takes. `options`: those of POST /transcribe."""
        return self.result(self.submit(source, **options).id)

    def submit(self, source: Source, *, idempotency_key: str | None = None, **options: Any) -> Job:
        """Sends a recording and returns its job, which goes on without this client.

        `idempotency_key` names the request, so that it makes one job however often it is sent.
        """
        upload = calls.upload(source, options, idempotency_key)

        def send() -> Job:
            with upload.opened() as file:
                response = self._request(
                    "POST",
                    "/transcribe",
                    data=dict(upload.fields),
                    files={"file": (upload.name, file)},
                    headers={"Idempotency-Key": upload.idempotency_key},
                )
            return calls.read_job(response)

        return self._repeated(send, safe=upload.repeatable)

    def transcribe_again(self, transcript_id: str, **options: Any) -> Job:
        """Transcribes the kept recording of a transcript (KEEP_AUDIO) with other options; returns the job."""
        return self._call(calls.again(transcript_id, options))

    def events(self, job_id: str) -> Iterator[Progress]:
        """The changes of a job until it ends; goes on by itself when the connection breaks."""
        progress = JobProgress()
        while not progress.ended:
            try:
                yield from self._events(job_id, progress)
            except ApplianceError as error:
                self._sleep(progress.broken(error))

    def wait(self, job_id: str) -> Job:
        """The job once it has ended: done, failed or cancelled."""
        for change in self.events(job_id):
            if change.job.ended:
                return change.job
        raise Unavailable("The stream of events ended before the job.")

    def result(self, job_id: str) -> Transcript:
        """The transcript of a job, once it is done. Raises the error of a job that failed."""
        return self.transcript(transcript_id_of(self.wait(job_id)))

    def job(self, job_id: str) -> Job:
        """A job as it is now."""
        return self._call(calls.job(job_id))

    def jobs(self, *, limit: int = 50, cursor: str | None = None, status: str | None = None) -> Page[Job]:
        """A page of the jobs of the last day, newest first."""
        return self._call(calls.jobs(limit, cursor, status))

    def cancel(self, job_id: str) -> Job:
        """Cancels a job; a running one ends after its present window."""
        return self._call(calls.cancel(job_id))

    def retry(self, job_id: str) -> Job:
        """Queues a failed or cancelled job again."""
        return self._call(calls.retry(job_id))

    def transcripts(
        self, *, limit: int = 50, cursor: str | None = None, query: str = "", deleted: bool = False
    ) -> Page[TranscriptSummary]:
        """A page of the transcripts, newest first, with all the words of `query`; or those in the trash."""
        return self._call(calls.transcripts(limit, cursor, query, deleted))

    def transcript(self, transcript_id: str) -> Transcript:
        """A whole transcript."""
        return self._call(calls.transcript(transcript_id))

    def export(self, transcript_id: str, format_name: str = "txt", **options: Any) -> str:
        """A transcript as txt, srt, vtt, tsv, csv, ass, md, html, edl or json, with its `options`."""
        return (self.download(transcript_id, format_name, **options)).decode()

    def download(self, transcript_id: str, format_name: str, **options: Any) -> bytes:
        """A transcript as a file, also docx and pdf."""
        return self._call(calls.download(transcript_id, format_name, options))

    def rename(self, transcript_id: str, title: str, *, etag: str | None = None) -> Transcript:
        """Changes the title. With `etag`, raises `PreconditionFailed` if another version is there."""
        return self._call(calls.rename(transcript_id, title, etag))

    def delete(self, transcript_id: str) -> None:
        """Moves a transcript to the trash."""
        self._call(calls.delete(transcript_id))

    def restore(self, transcript_id: str) -> Transcript:
        """Moves a transcript out of the trash."""
        return self._call(calls.restore(transcript_id))

    def live(self, packets: Iterable[bytes], on_event: OnEvent, **options: Any) -> LiveEnd:
        """Streams speech, pcm_s16le of 16 kHz mono in packets of 20 to 1000 ms, until the packets end.

        A lost connection is made again and loses no packet. `options`: language, task, model, prompt, title.
        """
        return stream_live(self._address, packets, on_event, options)

    def _events(self, job_id: str, progress: JobProgress) -> Iterator[Progress]:
        """One stream of events. Raises `Unavailable` when it breaks."""
        try:
            with self._http.stream("GET", f"/jobs/{job_id}/events") as response:
                if response.status_code >= 400:
                    response.read()
                    check(response)
                for line in response.iter_lines():
                    if change := progress.feed(line):
                        yield change
        except httpx2.HTTPError as error:
            raise unreachable(self._address.url, error) from error
        if not progress.ended:
            raise Unavailable("The stream of events ended before the job.")

    def _call(self, call: Call[T]) -> T:
        def send() -> httpx2.Response:
            return self._request(
                call.method,
                call.path,
                params=dict(call.params),
                headers=dict(call.headers),
                **call.body,
            )

        return call.read(self._repeated(send, safe=call.method == "GET"))

    def _repeated(self, send: Callable[[], T], *, safe: bool) -> T:
        attempt = 0
        while True:
            try:
                return send()
            except ApplianceError as error:
                pause = pause_before_repeat(error, attempt, safe=safe)
                if pause is None:
                    raise
            self._sleep(pause)
            attempt += 1

    def _request(self, method: str, path: str, **given: Any) -> httpx2.Response:
        try:
            response = self._http.request(method, path, **given)
        except httpx2.HTTPError as error:
            raise unreachable(self._address.url, error) from error
        check(response)
        return response
