"""Upload admission and receiving: limits of number, size, time and disk; rejected files are deleted."""

import errno
import hashlib
import math
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, LengthRequired, RequestTimeout

from whisper_appliance.config.settings import Settings
from whisper_appliance.core import descriptors
from whisper_appliance.core.atomic_files import link_or_copy
from whisper_appliance.core.errors import (
    Busy,
    ChecksumMismatch,
    DiskFull,
    NoAudio,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
)
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.ids import new_id
from whisper_appliance.core.request_body import watched_by
from whisper_appliance.core.text import format_bytes
from whisper_appliance.web.multipart_form import (
    FIELD_BYTES,
    MAX_PARTS,
    READ_BYTES,
    CheckFields,
    FileRules,
    FormFields,
    MultipartForm,
    Upload,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

FORM_BYTES = MAX_PARTS * 1024 + 4 * FIELD_BYTES
"""The limit of everything but the file: the other fields, and the headers of the parts."""
_EMPTY = N_("This file is empty.")
PACE_SECONDS = 30.0
"""The time over which the pace of an upload is measured, and for which a refused upload counts as waiting."""


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class Uploads:
    """Receives uploads within the limits of the settings."""

    def __init__(
        self,
        get_settings: Callable[[], Settings],
        monotonic: Callable[[], float] = time.monotonic,
        *,
        on_received: Callable[[int], None] = lambda size_bytes: None,
        on_refused: Callable[[str], None] = lambda limit: None,
        free_bytes: Callable[[Path], int] = _free_bytes,
        is_mounted: Callable[[], bool] = lambda: True,
    ) -> None:
        """`get_settings` returns the current settings; `on_received` is called with the size of each file,
        `on_refused` with the name of a limit that refused an upload.

        `free_bytes` returns the free space of the file system of a folder; `is_mounted`: whether the folder
        of recordings is there.
        """
        self._get_settings = get_settings
        self._on_received = on_received
        self._on_refused = on_refused
        self._free_bytes = free_bytes
        self._is_mounted = is_mounted
        self.folder = get_settings().storage_folder / "uploads"
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._by_user: Counter[str] = Counter()
        self._by_network: Counter[str] = Counter()
        self._refused_at = -math.inf

    @property
    def _settings(self) -> Settings:
        return self._get_settings()

    @contextmanager
    def slot(self, user: str, network: str) -> Iterator[None]:
        """Holds one of the upload slots.

        Raises `Busy` if all are in use, or those of `user`, or those of the address or IPv6 `network`.
        """
        with self._lock:
            self._check_slots(user, network)
            self._by_user[user] += 1
            self._by_network[network] += 1
        try:
            yield
        finally:
            with self._lock:
                self._by_user = self._by_user - Counter([user])  # keeps no users without uploads
                self._by_network = self._by_network - Counter([network])

    def _check_slots(self, user: str, network: str) -> None:
        settings = self._settings
        if self._by_user[user] >= settings.uploads_per_user:
            raise self._refusal("uploads_per_user", N_("You are sending as many files at once as you may."))
        if self._by_network[network] >= settings.uploads_per_address:
            raise self._refusal(
                "uploads_per_address", N_("Your address is sending as many files at once as it may.")
            )
        if self._by_user.total() >= settings.uploads_at_once:
            self._refused_at = self._monotonic()
            raise self._refusal("uploads", N_("Too many uploads at once. Try again in a moment."))

    def _refusal(self, limit: str, message: str) -> Busy:
        self._on_refused(limit)
        return Busy(message, retry_after_seconds=5)

    def check(self, request: Request, *, field: str | None = "file") -> None:
        """Checks headers and free disk space before the body is read. Raises the error of the response.

        `field` is that of the file in a form; None if the body is the file itself.
        """
        length = request.content_length
        if field and request.mimetype != "multipart/form-data":
            raise UnsupportedMedia(
                "Send the audio as multipart/form-data, in a field named {field_name!r}.",
                field_name=field,
                field=field,
            )
        if length is None and not request.environ.get("wsgi.input_terminated"):
            raise LengthRequired("Send a Content-Length, or send the upload in chunks.")
        if length is not None and length > self._settings.max_upload_size + FORM_BYTES:
            raise self._too_large()
        if descriptors.are_scarce():
            self._on_refused("descriptors")
            raise Unavailable(descriptors.TOO_MANY_OPEN, retry_after_seconds=5)
        self._check_disk(length or 0)

    def receive(
        self,
        request: Request,
        check_fields: CheckFields,
        rules: FileRules = FileRules(),  # noqa: B008 - it is frozen
    ) -> AbstractContextManager[Upload]:
        """Reads the form. `check_fields` gets the fields before the file, and all of them at the end.

        The file is on disk (fsync) when this yields. It is deleted after any error, here or in the caller.
        """

        def read(upload: Upload) -> None:
            boundary, limit = request.mimetype_params.get("boundary", ""), int(self._settings.max_upload_size)
            with MultipartForm(upload, boundary, check_fields, self._too_large(), limit, rules) as form:
                for chunk in self._chunks(request):
                    form.feed(chunk)

        return self._received(read)

    def receive_body(
        self, request: Request, name: str, header: bytes = b""
    ) -> AbstractContextManager[Upload]:
        """Reads a body that is the file itself, as `receive` does; `name` is its file name.

        `header` is written before the body, for samples that have none.
        """

        def read(upload: Upload) -> None:
            upload.name, digest = name, hashlib.sha256(header)
            with open(upload.path, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(header)
                for chunk in filter(None, self._chunks(request)):
                    upload.size_bytes += len(chunk)
                    if upload.size_bytes > self._settings.max_upload_size:
                        raise self._too_large()
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            upload.sha256 = digest.hexdigest()

        return self._received(read)

    def read_body(self, request: Request, most_bytes: int) -> bytes:
        """The body in memory, read as that of an upload. The request has a 413 for more than `most_bytes`."""
        return b"".join(filter(None, self._chunks(request, most_bytes)))

    def store(self, content: bytes, name: str) -> AbstractContextManager[Upload]:
        """Stores a file that is in memory, as `receive` does; `name` is its file name."""

        def write(upload: Upload) -> None:
            self._check_disk(len(content))
            if len(content) > self._settings.max_upload_size:
                raise self._too_large()
            upload.name, upload.size_bytes = name, len(content)
            upload.sha256 = hashlib.sha256(content).hexdigest()
            with open(upload.path, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())

        return self._received(write)

    def check_size(self, size: int) -> None:
        """Raises `TooLarge` or `DiskFull` for a file of so many bytes that is announced."""
        if not size:
            raise NoAudio(_EMPTY, field="file")
        if size > self._settings.max_upload_size:
            raise self._too_large()
        self._check_disk(size)

    def append_body(
        self, request: Request, path: Path, most_bytes: int, checksum: tuple[str, bytes] | None
    ) -> None:
        """Appends the body to a file, and what has arrived of it if the client disconnects.

        With a `checksum` (algorithm, digest), all or nothing is appended. Raises `TooLarge` for more than
        `most_bytes`, `ChecksumMismatch`; then the file is as before.
        """
        digest = hashlib.new(checksum[0], usedforsecurity=False) if checksum else None
        before, added, is_whole = path.stat().st_size, 0, False
        with path.open("ab") as file:
            try:
                for chunk in filter(None, self._chunks(request)):
                    added += len(chunk)
                    if added > most_bytes:
                        raise TooLarge("These are more bytes than the upload has.", field="Upload-Length")
                    if digest:
                        digest.update(chunk)
                    file.write(chunk)
                if digest and checksum and digest.digest() != checksum[1]:
                    raise ChecksumMismatch(
                        "The bytes that arrived are not those that were sent. Send them again.",
                        field="Upload-Checksum",
                    )
                is_whole = True
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise DiskFull("The disk is full; the upload was not stored.") from error
                raise
            finally:
                file.flush()
                if not is_whole and (digest or added > most_bytes):
                    file.truncate(before)
                os.fsync(file.fileno())
        self._on_received(added)

    def adopt(self, path: Path, upload_id: str) -> Path:
        """A second name for a complete file in the folder of recordings, for its job."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = self.folder / upload_id
        link_or_copy(path, target)
        return target

    @contextmanager
    def _received(self, read: Callable[[Upload], None]) -> Iterator[Upload]:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        upload = Upload(self.folder / new_id(), "", FormFields())
        try:
            read(upload)
            if upload.name and not upload.size_bytes:
                raise NoAudio(_EMPTY, field="file")
            self._on_received(upload.size_bytes)
            yield upload
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull("The disk is full; the upload was not stored.") from error
            raise
        finally:
            if not upload.handed_over:
                upload.path.unlink(missing_ok=True)

    def _chunks(self, request: Request, most_bytes: int | None = None) -> Iterator[bytes | None]:
        """The chunks of the body, then None. Without a Content-Length, checks the disk as it grows.

        `most_bytes` is the limit of the body in the place of that of an upload.
        """
        request.max_content_length = most_bytes or self._settings.max_upload_size + FORM_BYTES
        pace = _Pace(self._monotonic)
        with watched_by(lambda size: self._check_time(pace, size)):
            yield from self._checked_chunks(request, pace)
        yield None

    def _checked_chunks(self, request: Request, pace: "_Pace") -> Iterator[bytes]:
        received = 0
        while chunk := self._read_from(request):
            received += len(chunk)
            if request.content_length is None:
                self._check_disk(received, written=received - len(chunk))
            self._check_time(pace, max(0, received - pace.bytes))  # a server that watches has counted them
            yield chunk
        if received < (request.content_length or 0):
            raise ClientDisconnected  # a part of a recording must not pass for all of it

    def _read_from(self, request: Request) -> bytes:
        try:
            return request.stream.read(READ_BYTES)
        except OSError as error:  # the client disconnected, or the idle timeout passed
            raise ClientDisconnected from error

    def _check_time(self, pace: "_Pace", received: int) -> None:
        """Raises `RequestTimeout` for an upload that takes too long, or holds a slot that others need."""
        if pace.total_seconds > self._settings.upload_seconds:
            self._on_refused("upload_seconds")
            raise RequestTimeout(f"The upload took longer than {self._settings.upload_seconds:g} seconds.")
        others_wait = self._monotonic() - self._refused_at < PACE_SECONDS
        slowest = pace.add(received)
        if others_wait and slowest is not None and slowest < self._settings.upload_pace:
            self._on_refused("upload_pace")
            raise RequestTimeout("The upload was too slow while others waited. Send it again.")

    def _check_disk(self, size: int, *, written: int = 0) -> None:
        """Raises `DiskFull` unless twice the `size` of an upload was free when it began.

        `written` bytes of it are on the disk now. If STORAGE_URL is set, the data folder needs its minimum
        too, because recordings are decoded there.
        """
        settings = self._settings
        if not self._is_mounted():
            raise Unavailable(
                "The folder of recordings is not mounted. Try again later.", retry_after_seconds=60
            )
        free = self._free_bytes(settings.storage_folder) + written
        scratch_free = self._free_bytes(settings.data_dir) if settings.storage_url else free
        if free < max(settings.min_free_disk, 2 * size) or scratch_free < settings.min_free_disk:
            raise DiskFull("Not enough free disk space for this file. Free some, or ask an administrator.")

    def _too_large(self) -> TooLarge:
        limit = format_bytes(self._settings.max_upload_size)
        return TooLarge(
            "The file is larger than {limit}, the limit of this appliance.", limit=limit, field="file"
        )


class _Pace:
    """The pace of one upload: bytes a second, over periods of `PACE_SECONDS`."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._began = self._period_began = monotonic()
        self.bytes = self._bytes_before_period = 0
        self._last: float | None = None

    @property
    def total_seconds(self) -> float:
        """The time since the upload began."""
        return self._monotonic() - self._began

    def add(self, received: int) -> float | None:
        """Counts bytes, and returns the pace of the last whole period; None during the first one."""
        self.bytes += received
        seconds = self._monotonic() - self._period_began
        if seconds >= PACE_SECONDS:
            self._last = (self.bytes - self._bytes_before_period) / seconds
            self._period_began, self._bytes_before_period = self._monotonic(), self.bytes
        return self._last


def drain(environ: "WSGIEnvironment", seconds: float = 10.0) -> None:
    """Discards the rest of a rejected body, so that the client can read the response.

    Closing a connection with unread bytes resets it, and the response is lost (RFC 9112, section 9.6).
    """
    deadline = time.monotonic() + seconds

    def check(_size: int) -> None:
        if time.monotonic() > deadline:
            raise TimeoutError

    with suppress(OSError, ValueError, ParseException), watched_by(check):
        if client := environ.get("gunicorn.socket"):
            client.settimeout(seconds)
        while time.monotonic() < deadline and environ["wsgi.input"].read(READ_BYTES):
            pass
