"""Partial uploads: recordings that arrive in several requests, and survive restarts in between."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import Busy, Locked, NotFound
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.ids import new_id

KEPT_HOURS = 24.0
"""After so long without a byte, a partial upload is deleted."""
MAX_OPEN = 100
"""Partial uploads of one client."""
MAX_OPEN_OF_NETWORK = 200
"""Those of all clients of one address or IPv6 network that have no account."""
MAX_OPEN_IN_ALL = 1000


@dataclass(frozen=True, slots=True)
class PartialUpload:
    """An upload of `length` bytes; `fields` are those of the form, `job_id` is set once it is complete."""

    id: str
    client: str
    length: int
    filename: str
    fields: Mapping[str, str] = field(default_factory=dict)
    job_id: str = ""
    created: str = ""
    network: str = ""
    """Of a client without an account."""


class PartialUploads:
    """The partial uploads in a folder: the bytes of each in a file, and what is known of it in another."""

    def __init__(self, folder: Path, *, clock: Clock = now) -> None:
        self._folder = folder
        self._clock = clock

    def create(
        self,
        client: str,
        length: int,
        filename: str,
        fields: Mapping[str, str],
        *,
        network: str = "",
        admit: Callable[[int], object] = lambda unfinished_bytes: None,
    ) -> PartialUpload:
        """A new upload without bytes. `network` is that of a client without an account.

        `admit` gets the bytes that the client's unfinished uploads will have, and raises if this one is too
        much; one upload at a time is created. Raises `Busy` if the client, its network or all have too many.
        """
        made = PartialUpload(
            new_id(), client, length, filename, dict(fields), created=written(self._clock()), network=network
        )
        with self._creating():
            unfinished = [each for each in self._all() if not each.job_id]
            _check_count(unfinished, client, network)
            admit(sum(each.length for each in unfinished if each.client == client))
            os.close(os.open(self.file(made), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            self._store(made)
        return made

    def find(self, upload_id: str, client: str) -> PartialUpload:
        """The upload of this client. Raises `NotFound`."""
        try:
            found = _read(self._facts(upload_id))
        except (OSError, ValueError, TypeError):
            raise _not_found() from None
        if found.client != client:
            raise _not_found()
        return found

    def file(self, upload: PartialUpload) -> Path:
        """The file with the bytes that have arrived."""
        return self._folder / upload.id

    def offset(self, upload: PartialUpload) -> int:
        """How many bytes have arrived."""
        if upload.job_id:
            return upload.length
        try:
            return self.file(upload).stat().st_size
        except FileNotFoundError:
            raise _not_found() from None

    def expires(self, upload: PartialUpload) -> float:
        """When it is deleted unless more bytes arrive, in seconds of the epoch."""
        path = self._facts(upload.id) if upload.job_id else self.file(upload)
        return path.stat().st_mtime + KEPT_HOURS * 3600

    @contextmanager
    def locked(self, upload: PartialUpload) -> Iterator[PartialUpload]:
        """Holds an upload, and yields it as it is now. Raises `Locked` while another request has it."""
        try:
            descriptor = os.open(self._facts(upload.id), os.O_RDONLY)
        except FileNotFoundError:
            raise _not_found() from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield self.find(upload.id, upload.client)
        except BlockingIOError:
            raise Locked("Another request sends bytes of this upload. Try again in a moment.") from None
        finally:
            os.close(descriptor)

    def complete(self, upload: PartialUpload, job_id: str) -> PartialUpload:
        """Notes the job of an upload, and removes its bytes, which the job has."""
        done = replace(upload, job_id=job_id)
        self._facts(upload.id).write_text(json.dumps(asdict(done)))  # in place: the lock is on this file
        self.file(upload).unlink(missing_ok=True)
        return done

    def delete(self, upload: PartialUpload) -> None:
        """Deletes an upload with its bytes."""
        self.file(upload).unlink(missing_ok=True)
        self._facts(upload.id).unlink(missing_ok=True)

    def delete_expired(self) -> None:
        """Deletes the uploads of which nothing has arrived for `KEPT_HOURS`."""
        limit = (self._clock() - timedelta(hours=KEPT_HOURS)).timestamp()
        paths = self._folder.iterdir() if self._folder.is_dir() else ()
        for path in paths:
            parts = (path, self._folder / path.stem)
            if all(not part.exists() or part.stat().st_mtime < limit for part in parts):
                path.unlink(missing_ok=True)

    @contextmanager
    def _creating(self) -> Iterator[None]:
        """One upload at a time, in all processes, so that what was checked is still true then."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _all(self) -> Iterator[PartialUpload]:
        for path in self._folder.glob("*.json") if self._folder.is_dir() else ():
            try:
                yield _read(path)
            except (OSError, ValueError, TypeError):
                continue  # deleted meanwhile

    def _facts(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}.json"

    def _store(self, upload: PartialUpload) -> None:
        path = self._facts(upload.id)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(upload)))
        part.replace(path)


def _check_count(unfinished: Sequence[PartialUpload], client: str, network: str) -> None:
    too_many = ""
    if sum(each.client == client for each in unfinished) >= MAX_OPEN:
        too_many = N_("You have too many unfinished uploads. Finish or cancel one.")
    elif network and sum(each.network == network for each in unfinished) >= MAX_OPEN_OF_NETWORK:
        too_many = N_("Your address has too many unfinished uploads. Finish one.")
    elif len(unfinished) >= MAX_OPEN_IN_ALL:
        too_many = N_("There are too many unfinished uploads. Try again later.")
    if too_many:
        raise Busy(too_many, retry_after_seconds=60, limit_name="partial_uploads")


def _read(path: Path) -> PartialUpload:
    return PartialUpload(**json.loads(path.read_text()))


def _not_found() -> NotFound:
    return NotFound("There is no such upload. It was finished, cancelled, or has expired.")
