"""A file on its way in: from the socket into the data folder, within limits, or nothing is left of it."""

import errno
import os
import secrets
import shutil
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from flask import Request
from werkzeug.exceptions import ClientDisconnected, LengthRequired, RequestTimeout
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from whisper_appliance.errors import Busy, DiskFull, InvalidRequest, TooLarge, UnsupportedMedia
from whisper_appliance.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

EXTENSIONS = frozenset(
    {
        "aac",
        "aif",
        "aifc",
        "aiff",
        "amr",
        "caf",
        "flac",
        "m4a",
        "m4b",
        "mka",
        "mp2",
        "mp3",
        "mpeg",
        "mpga",
        "oga",
    }
    | {"ogg", "opus", "w64", "wav", "wave", "3g2", "3gp", "m4v", "mkv", "mov", "mp4", "webm"}
)
FILE_FIELDS = ("file", "audio")
READ_BYTES = 256 * 1024
FIELD_BYTES = 64 * 1024
MAX_PARTS = 40
FORM_BYTES = MAX_PARTS * 1024 + 4 * FIELD_BYTES
"""What a request may carry beside the file: other fields, and the lines between parts."""
MAX_NAME_CHARS = 200

FieldsCheck = Callable[[Mapping[str, str]], None]


@dataclass
class Upload:
    """A received file. It is removed at the end of `receive`, unless it was handed over to a job."""

    path: Path
    name: str
    fields: dict[str, str]
    size_bytes: int = 0
    handed_over: bool = False


class Uploads:
    """The door for files: how many at once, how large, for how long, and whether the disk has room."""

    def __init__(self, settings: Settings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self.folder = settings.data_dir / "uploads"
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()

    @contextmanager
    def slot(self, user: str) -> Iterator[None]:
        """Holds one of the places for uploads. Raises `Busy` when they are taken."""
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
                self._running += Counter()  # forgets users at zero

    def check(self, request: Request) -> None:
        """Refuses a request by its headers and the state of the disk, before any of its body is read."""
        length = request.content_length
        if request.mimetype != "multipart/form-data":
            raise UnsupportedMedia(
                "Send the audio as multipart/form-data, in a field named 'file'.", field="file"
            )
        if length is None and not request.environ.get("wsgi.input_terminated"):
            raise LengthRequired("Say how long the upload is (Content-Length), or send it in chunks.")
        if length is not None and length > self._settings.max_upload_size + FORM_BYTES:
            raise self._too_large()
        free = shutil.disk_usage(self._settings.data_dir).free
        if free < max(self._settings.min_free_disk, 2 * (length or 0)):
            raise DiskFull(
                "Not enough free disk space to take this file. Free some, or ask who runs this machine."
            )

    @contextmanager
    def receive(self, request: Request, check_fields: FieldsCheck) -> Iterator[Upload]:
        """Reads the form; `check_fields` sees the fields that came before the file, and at the end all.

        The file is on disk (fsync) when this yields. Whatever is raised, here or by the caller, nothing is
        left of it.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        upload = Upload(self.folder / secrets.token_hex(16), "", {})
        try:
            self._read(request, upload, check_fields)
            if not upload.name:
                raise InvalidRequest("No file was sent. Put the audio in a field named 'file'.", field="file")
            check_fields(upload.fields)
            yield upload
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull("The disk is full; the file was not taken.") from error
            raise
        finally:
            if not upload.handed_over:
                upload.path.unlink(missing_ok=True)

    def _read(self, request: Request, upload: Upload, check_fields: FieldsCheck) -> None:
        boundary = request.mimetype_params.get("boundary", "")
        decoder = MultipartDecoder(boundary.encode("latin-1", "replace"), FIELD_BYTES, max_parts=MAX_PARTS)
        part = _Part(upload, check_fields, self._settings.max_upload_size, self._too_large)
        with part:
            for chunk in self._chunks(request):
                for event in _events(decoder, chunk):
                    part.take(event)

    def _chunks(self, request: Request) -> Iterator[bytes | None]:
        """The body as it comes, then None."""
        deadline = self._monotonic() + self._settings.upload_seconds
        request.max_content_length = self._settings.max_upload_size + FORM_BYTES
        while chunk := _read_from(request):
            if self._monotonic() > deadline:
                raise RequestTimeout(
                    f"The upload took longer than {self._settings.upload_seconds:g} seconds."
                )
            yield chunk
        yield None

    def _too_large(self) -> TooLarge:
        limit = self._settings.max_upload_size.human_readable()
        return TooLarge(f"The file is larger than {limit}, the limit of this appliance.", field="file")


class _Part:
    """Where the parts of the form go: fields into a dict, the one file to disk."""

    def __init__(
        self, upload: Upload, check_fields: FieldsCheck, max_bytes: int, too_large: Callable[[], TooLarge]
    ):
        self._upload = upload
        self._check_fields = check_fields
        self._max_bytes = max_bytes
        self._too_large = too_large
        self._file: int | None = None
        self._field = ""
        self._value = bytearray()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._close()

    def take(self, event: object) -> None:
        """One event of the parser."""
        if isinstance(event, File):
            self._open(event)
        elif isinstance(event, Field):
            if event.name in FILE_FIELDS:
                raise InvalidRequest("This field is a file: send it with a file name.", field=event.name)
            self._field, self._value = event.name, bytearray()
        elif isinstance(event, Data):
            self._write(event)

    def _open(self, event: File) -> None:
        if event.name not in FILE_FIELDS or self._upload.name:
            raise InvalidRequest("Send one file, in the field 'file'.", field=event.name)
        self._upload.name = file_name(event.filename)
        if not self._upload.name:
            raise InvalidRequest("No file was chosen.", field=event.name)
        check_kind(self._upload.name, event.headers.get("Content-Type", ""))
        self._check_fields(self._upload.fields)
        self._file = os.open(self._upload.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def _write(self, event: Data) -> None:
        if self._file is None:
            self._value += event.data
            if len(self._value) > FIELD_BYTES:
                raise TooLarge(f"The field {self._field[:40]!r} is too long.", field=self._field[:40])
            if not event.more_data:
                self._upload.fields[self._field] = self._value.decode("utf-8", "replace")
            return
        self._upload.size_bytes += len(event.data)
        if self._upload.size_bytes > self._max_bytes:
            raise self._too_large()
        remaining = memoryview(event.data)
        while remaining:
            remaining = remaining[os.write(self._file, remaining) :]
        if not event.more_data:
            os.fsync(self._file)
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _events(decoder: MultipartDecoder, chunk: bytes | None) -> Iterator[object]:
    try:
        decoder.receive_data(chunk)
        while not isinstance(event := decoder.next_event(), (NeedData, Epilogue)):
            yield event
    except ValueError as error:
        raise InvalidRequest("The form cannot be read: it is cut off or not multipart/form-data.") from error


def _read_from(request: Request) -> bytes:
    try:
        return request.stream.read(READ_BYTES)
    except OSError as error:  # the server's ways to say that the client left or fell silent
        raise ClientDisconnected from error


def file_name(given: str) -> str:
    """The last part of the client's name for the file, without anything that could play tricks when shown."""
    name = PureWindowsPath(PurePosixPath(given).name).name
    shown = "".join(
        char for char in unicodedata.normalize("NFC", name) if unicodedata.category(char)[0] != "C"
    )
    stem, dot, extension = shown.strip().rpartition(".")
    return f"{stem[:MAX_NAME_CHARS]}{dot}{extension[:MAX_NAME_CHARS]}"


def check_kind(name: str, content_type: str) -> None:
    """Refuses names that are no audio; what is really inside, the decoder finds out.

    A nameless recording, as browsers send it, is known by its type. Raises `UnsupportedMedia`.
    """
    extension = PurePosixPath(name).suffix.lower().removeprefix(".")
    if extension in EXTENSIONS or (not extension and content_type.startswith(("audio/", "video/"))):
        return
    said = f"Files named .{extension[:20]} are not taken." if extension else "The file has no extension."
    raise UnsupportedMedia(f"{said} Send one of: {', '.join(sorted(EXTENSIONS))}.", field="file")


def drain(environ: "WSGIEnvironment", seconds: float = 10.0) -> None:
    """Reads on and forgets, so that a client that was refused while sending gets to read the answer.

    Closing a connection with unread bytes resets it, and the answer is lost (RFC 9112, section 9.6).
    """
    deadline = time.monotonic() + seconds
    with suppress(OSError, ValueError):
        while time.monotonic() < deadline and environ["wsgi.input"].read(READ_BYTES):
            pass
