"""Upload admission and receiving: limits of number, size, time and disk; rejected files are deleted."""

import errno
import hashlib
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
from whisper_appliance.core.errors import Busy, DiskFull, TooLarge, Unavailable, UnsupportedMedia
from whisper_appliance.core.ids import new_id
from whisper_appliance.jobs.storage import is_mounted
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
        free_bytes: Callable[[Path], int] = _free_bytes,
    ) -> None:
        """`get_settings` returns the current settings; `on_received` is called with the size of each file.

        `free_bytes` returns the free space of the file system of a folder.
        """
        self._get_settings = get_settings
        self._on_received = on_received
        self._free_bytes = free_bytes
        self.folder = get_settings().storage_folder / "uploads"
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()

    @property
    def _settings(self) -> Settings:
        return self._get_settings()

    @contextmanager
    def slot(self, user: str) -> Iterator[None]:
        """Holds one of the upload slots. Raises `Busy` if all are in use, or those of `user`."""
        with self._lock:
            if self._running.total() >= self._settings.uploads_at_once:
                raise Busy("Too many uploads at once. Try again in a moment.", retry_after_seconds=5)
            if self._running[user] >= self._settings.uploads_per_user:
                raise Busy("You are sending as many files at once as you may.", retry_after_seconds=5)
            self._running[user] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[user] -= 1
                self._running += Counter()  # removes users without uploads

    def check(self, request: Request, *, form: bool = True) -> None:
        """Checks headers and free disk space before the body is read. Raises the error of the response.

        `form` is False if the body is the file itself.
        """
        length = request.content_length
        if form and request.mimetype != "multipart/form-data":
            raise UnsupportedMedia(
                "Send the audio as multipart/form-data, in a field named 'file'.", field="file"
            )
        if length is None and not request.environ.get("wsgi.input_terminated"):
            raise LengthRequired("Send a Content-Length, or send the upload in chunks.")
        if length is not None and length > self._settings.max_upload_size + FORM_BYTES:
            raise self._too_large()
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

    @contextmanager
    def _received(self, read: Callable[[Upload], None]) -> Iterator[Upload]:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        upload = Upload(self.folder / new_id(), "", FormFields())
        try:
            read(upload)
            self._on_received(upload.size_bytes)
            yield upload
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull("The disk is full; the upload was not stored.") from error
            raise
        finally:
            if not upload.handed_over:
                upload.path.unlink(missing_ok=True)

    def _chunks(self, request: Request) -> Iterator[bytes | None]:
        """The chunks of the body, then None. Without a Content-Length, checks the disk as it grows."""
        deadline = self._monotonic() + self._settings.upload_seconds
        request.max_content_length = self._settings.max_upload_size + FORM_BYTES
        received = 0
        while chunk := _read_from(request):
            received += len(chunk)
            if request.content_length is None:
                self._check_disk(received, written=received - len(chunk))
            if self._monotonic() > deadline:
                raise RequestTimeout(
                    f"The upload took longer than {self._settings.upload_seconds:g} seconds."
                )
            yield chunk
        yield None

    def _check_disk(self, size: int, *, written: int = 0) -> None:
        """Raises `DiskFull` unless twice the `size` of an upload was free when it began.

        `written` bytes of it are on the disk now. If STORAGE_URL is set, the data folder needs its minimum
        too, because recordings are decoded there.
        """
        settings = self._settings
        if settings.storage_url and not is_mounted(settings.storage_url):
            raise Unavailable(
                "The folder of recordings is not mounted. Try again later.", retry_after_seconds=60
            )
        free = self._free_bytes(settings.storage_folder) + written
        scratch_free = self._free_bytes(settings.data_dir) if settings.storage_url else free
        if free < max(settings.min_free_disk, 2 * size) or scratch_free < settings.min_free_disk:
            raise DiskFull("Not enough free disk space for this file. Free some, or ask an administrator.")

    def _too_large(self) -> TooLarge:
        limit = self._settings.max_upload_size.human_readable()
        return TooLarge(
            "The file is larger than {limit}, the limit of this appliance.", limit=limit, field="file"
        )


def _read_from(request: Request) -> bytes:
    try:
        return request.stream.read(READ_BYTES)
    except OSError as error:  # the client disconnected, or the idle timeout passed
        raise ClientDisconnected from error


def drain(environ: "WSGIEnvironment", seconds: float = 10.0) -> None:
    """Discards the rest of a rejected body, so that the client can read the response.

    Closing a connection with unread bytes resets it, and the response is lost (RFC 9112, section 9.6).
    """
    deadline = time.monotonic() + seconds
    with suppress(OSError, ValueError, ParseException):
        while time.monotonic() < deadline and environ["wsgi.input"].read(READ_BYTES):
            pass
