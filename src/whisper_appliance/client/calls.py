"""The calls of the API, without a connection: each has its request, and how its response is read."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

import httpx2

from whisper_appliance.client import results
from whisper_appliance.client.results import Job, Page, Transcript, TranscriptSummary

T = TypeVar("T")
PREFIX = "/api/v1"
Source = Path | str | BinaryIO
"""A recording: its path, or a file that is open for reading in binary mode."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request; `read` makes the result of a successful response."""

    method: str
    path: str
    read: Callable[[httpx2.Response], T]
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    """Options of the HTTP client: `json`, or `files` of a form."""


def job(job_id: str) -> Call[Job]:
    """One job."""
    return Call("GET", f"/jobs/{job_id}", read_job)


def jobs(limit: int, cursor: str | None, status: str | None) -> Call[Page[Job]]:
    """A page of jobs."""
    return Call("GET", "/jobs", _job_page, _given(limit=limit, cursor=cursor, status=status))


def cancel(job_id: str) -> Call[Job]:
    """Cancels a job."""
    return Call("DELETE", f"/jobs/{job_id}", read_job)


def retry(job_id: str) -> Call[Job]:
    """Queues a failed job again."""
    return Call("POST", f"/jobs/{job_id}/retry", read_job)


def transcript(transcript_id: str) -> Call[Transcript]:
    """One transcript."""
    return Call("GET", f"/transcripts/{transcript_id}", _transcript)


def download(transcript_id: str, format_name: str, options: Mapping[str, Any]) -> Call[bytes]:
    """A transcript in one of the formats."""
    params = {"format": format_name, **options}
    return Call("GET", f"/transcripts/{transcript_id}", lambda response: response.content, params)


def transcripts(limit: int, cursor: str | None, query: str, deleted: bool) -> Call[Page[TranscriptSummary]]:
    """A page of transcripts."""
    params = _given(limit=limit, cursor=cursor, q=query or None, deleted="true" if deleted else None)
    return Call("GET", "/transcripts", _transcript_page, params)


def rename(transcript_id: str, title: str, etag: str | None) -> Call[Transcript]:
    """Changes the title of a transcript."""
    headers = {"If-Match": etag} if etag else {}
    return Call(
        "PATCH",
        f"/transcripts/{transcript_id}",
        _transcript,
        headers=headers,
        body={"json": {"title": title}},
    )


def delete(transcript_id: str) -> Call[None]:
    """Moves a transcript to the trash."""
    return Call("DELETE", f"/transcripts/{transcript_id}", lambda _: None)


def restore(transcript_id: str) -> Call[Transcript]:
    """Moves a transcript out of the trash."""
    return Call("POST", f"/transcripts/{transcript_id}/restore", _transcript)


@dataclass(frozen=True, slots=True)
class Upload:
    """A recording to transcribe, and its options as form fields; with a key for repeats of the request."""

    source: Source
    fields: Mapping[str, str]
    name: str
    idempotency_key: str

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The recording from its beginning; a file of the caller stays open."""
        if isinstance(self.source, Path | str):
            with open(self.source, "rb") as file:
                yield file
        else:
            if self.source.seekable():
                self.source.seek(0)
            yield self.source

    @property
    def repeatable(self) -> bool:
        """Whether it can be sent again from the beginning."""
        return isinstance(self.source, Path | str) or self.source.seekable()


def upload(source: Source, options: Mapping[str, Any], idempotency_key: str | None) -> Upload:
    """An upload; options that are None are left out."""
    fields = {**{name: _text(value) for name, value in options.items() if value is not None}, "async": "true"}
    path = source if isinstance(source, Path | str) else getattr(source, "name", "")
    name = Path(path).name if isinstance(path, Path | str) else ""
    return Upload(source, fields, name or "recording", idempotency_key or uuid.uuid4().hex)


def again(transcript_id: str, options: Mapping[str, Any]) -> Call[Job]:
    """Transcribes the kept recording of a transcript again, with other options."""
    given = {**{name: _text(value) for name, value in options.items() if value is not None}, "async": "true"}
    parts = {name: (None, value) for name, value in {**given, "transcript_id": transcript_id}.items()}
    return Call("POST", "/transcribe", read_job, body={"files": parts})


def read_job(response: httpx2.Response) -> Job:
    """The job of a response."""
    return results.read_job(response.json())


def _job_page(response: httpx2.Response) -> Page[Job]:
    page = response.json()
    return Page(tuple(results.read_job(each) for each in page["jobs"]), page.get("next"))


def _transcript(response: httpx2.Response) -> Transcript:
    return results.read_transcript(response.json(), response.headers.get("ETag", ""))


def _transcript_page(response: httpx2.Response) -> Page[TranscriptSummary]:
    page = response.json()
    return Page(tuple(results.read_summary(each) for each in page["transcripts"]), page.get("next"))


def _given(**params: object) -> dict[str, object]:
    return {name: value for name, value in params.items() if value is not None}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
