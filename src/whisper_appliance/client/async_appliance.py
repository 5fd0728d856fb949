"""The client for asyncio, with the methods of `Appliance`."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
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


class AsyncAppliance:
    """A connection to an appliance; a context manager. Its methods raise the classes of `core.errors`."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        ca_file: Path | str | None = None,
        ca_fingerprint: str | None = None,
        insecure: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`key` is an API key of the appliance. How `url` is trusted: see `client.trust.tls_context`."""
        self._address = address(url, key, ca_file, ca_fingerprint, insecure)
        self._http = httpx2.AsyncClient(**self._address.http_options(SILENCE_SECONDS))
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection."""
        await self._http.aclose()

    async def transcribe(self, source: Source, **options: Any) -> Transcript:
        """The transcript of a recording, however long it takes. `options`: those of POST /transcribe."""
        return await self.result((await self.submit(source, **options)).id)

    async def submit(self, source: Source, *, idempotency_key: str | None = None, **options: Any) -> Job:
        """Sends a recording and returns its job, which goes on without this client.

        `idempotency_key` names the request, so that it makes one job however often it is sent.
        """
        upload = calls.upload(source, options, idempotency_key)

        async def send() -> Job:
            with upload.opened() as file:
                response = await self._request(
                    "POST",
                    "/transcribe",
                    data=dict(upload.fields),
                    files={"file": (upload.name, file)},
                    headers={"Idempotency-Key": upload.idempotency_key},
                )
            return calls.read_job(response)

        return await self._repeated(send, safe=upload.repeatable)

    async def transcribe_again(self, transcript_id: str, **options: Any) -> Job:
        """Transcribes the kept recording of a transcript (KEEP_AUDIO) with other options; returns the job."""
        return await self._call(calls.again(transcript_id, options))

    async def events(self, job_id: str) -> AsyncIterator[Progress]:
        """The changes of a job until it ends; goes on by itself when the connection breaks."""
        progress = JobProgress()
        while not progress.ended:
            try:
                async for change in self._events(job_id, progress):
                    yield change
            except ApplianceError as error:
                await self._sleep(progress.broken(error))

    async def wait(self, job_id: str) -> Job:
        """The job once it has ended: done, failed or cancelled."""
        async for change in self.events(job_id):
            if change.job.ended:
                return change.job
        raise Unavailable("The stream of events ended before the job.")

    async def result(self, job_id: str) -> Transcript:
        """The transcript of a job, once it is done. Raises the error of a job that failed."""
        return await self.transcript(transcript_id_of(await self.wait(job_id)))

    async def job(self, job_id: str) -> Job:
        """A job as it is now."""
        return await self._call(calls.job(job_id))

    async def jobs(
        self, *, limit: int = 50, cursor: str | None = None, status: str | None = None
    ) -> Page[Job]:
        """A page of the jobs of the last day, newest first."""
        return await self._call(calls.jobs(limit, cursor, status))

    async def cancel(self, job_id: str) -> Job:
        """Cancels a job; a running one ends after its present window."""
        return await self._call(calls.cancel(job_id))

    async def retry(self, job_id: str) -> Job:
        """Queues a failed or cancelled job again."""
        return await self._call(calls.retry(job_id))

    async def transcripts(
        self, *, limit: int = 50, cursor: str | None = None, query: str = "", deleted: bool = False
    ) -> Page[TranscriptSummary]:
        """A page of the transcripts, newest first, with all the words of `query`; or those in the trash."""
        return await self._call(calls.transcripts(limit, cursor, query, deleted))

    async def transcript(self, transcript_id: str) -> Transcript:
        """A whole transcript."""
        return await self._call(calls.transcript(transcript_id))

    async def export(self, transcript_id: str, format_name: str = "txt", **options: Any) -> str:
        """A transcript as txt, srt, vtt, tsv, csv, ass, md, html, edl or json, with its `options`."""
        return (await self.download(transcript_id, format_name, **options)).decode()

    async def download(self, transcript_id: str, format_name: str, **options: Any) -> bytes:
        """A transcript as a file, also docx and pdf."""
        return await self._call(calls.download(transcript_id, format_name, options))

    async def rename(self, transcript_id: str, title: str, *, etag: str | None = None) -> Transcript:
        """Changes the title. With `etag`, raises `PreconditionFailed` if another version is there."""
        return await self._call(calls.rename(transcript_id, title, etag))

    async def delete(self, transcript_id: str) -> None:
        """Moves a transcript to the trash."""
        await self._call(calls.delete(transcript_id))

    async def restore(self, transcript_id: str) -> Transcript:
        """Moves a transcript out of the trash."""
        return await self._call(calls.restore(transcript_id))

    async def live(
        self, packets: Iterable[bytes] | AsyncIterable[bytes], on_event: OnEvent, **options: Any
    ) -> LiveEnd:
        """As `Appliance.live`, in a thread; `on_event` is called in the event loop."""
        loop = asyncio.get_running_loop()
        taken = packets if isinstance(packets, Iterable) else _from_loop(packets, loop)

        def announce(kind: str, payload: dict[str, Any]) -> None:
            loop.call_soon_threadsafe(on_event, kind, payload)

        return await asyncio.to_thread(stream_live, self._address, taken, announce, options)

    async def _events(self, job_id: str, progress: JobProgress) -> AsyncIterator[Progress]:
        """One stream of events. Raises `Unavailable` when it breaks."""
        try:
            async with self._http.stream("GET", f"/jobs/{job_id}/events") as response:
                if response.status_code >= 400:
                    await response.aread()
                    check(response)
                async for line in response.aiter_lines():
                    if change := progress.feed(line):
                        yield change
        except httpx2.HTTPError as error:
            raise unreachable(self._address.url, error) from error
        if not progress.ended:
            raise Unavailable("The stream of events ended before the job.")

    async def _call(self, call: Call[T]) -> T:
        async def send() -> httpx2.Response:
            return await self._request(
                call.method,
                call.path,
                params=dict(call.params),
                headers=dict(call.headers),
                **call.body,
            )

        return call.read(await self._repeated(send, safe=call.method == "GET"))

    async def _repeated(self, send: Callable[[], Awaitable[T]], *, safe: bool) -> T:
        attempt = 0
        while True:
            try:
                return await send()
            except ApplianceError as error:
                pause = pause_before_repeat(error, attempt, safe=safe)
                if pause is None:
                    raise
            await self._sleep(pause)
            attempt += 1

    async def _request(self, method: str, path: str, **given: Any) -> httpx2.Response:
        try:
            response = await self._http.request(method, path, **given)
        except httpx2.HTTPError as error:
            raise unreachable(self._address.url, error) from error
        check(response)
        return response


def _from_loop(packets: AsyncIterable[bytes], loop: asyncio.AbstractEventLoop) -> Iterator[bytes]:
    """The packets of an asynchronous source, for the thread that sends them."""
    source = aiter(packets)

    async def following() -> bytes | None:
        return await anext(source, None)

    while (packet := asyncio.run_coroutine_threadsafe(following(), loop).result()) is not None:
        yield packet
