"""A streaming multipart/form-data parser: writes the file to disk as it arrives, and collects the fields."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from werkzeug.datastructures import MultiDict
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from whisper_appliance.core.clock import now
from whisper_appliance.core.errors import InvalidRequest, TooLarge
from whisper_appliance.web.upload_types import check_upload_content, file_name

FILE_FIELDS = ("file", "audio")
FIELD_BYTES = 64 * 1024
LONG_FIELD_BYTES = 3 * 2**20
MAX_LONG_FIELDS = 4
READ_BYTES = 256 * 1024
"""The largest chunk that `MultipartForm.feed` accepts."""
MAX_PARTS = 160
"""A part for each value: OpenAI's API takes a hundred keywords beside its other fields."""

FormFields = MultiDict[str, str]
"""The form fields in order; a name may have several values."""
CheckFields = Callable[[FormFields], None]


@dataclass(frozen=True, slots=True)
class FileRules:
    """The names that the file's field may have, and whether its content must be a recording.

    `extension` replaces that of the file, as the hint for a recording without a header. `required`: a form
    without a file is rejected. `long_fields` may have `LONG_FIELD_BYTES`, and come `MAX_LONG_FIELDS` times.
    """

    fields: tuple[str, ...] = FILE_FIELDS
    check_type: bool = True
    extension: str = ""
    required: bool = True
    long_fields: tuple[str, ...] = ()


@dataclass
class Upload:
    """A received file and its form fields; deleted at the end, unless it was handed over to a job.

    `name` is empty if no file was sent. `title` is that of the transcript; None: it is made of the name.
    """

    path: Path
    name: str
    fields: FormFields
    size_bytes: int = 0
    sha256: str = ""
    title: str | None = None
    received_at: datetime = field(default_factory=now)
    handed_over: bool = False


class MultipartForm:
    """Parses the body in chunks. The context manager closes the file."""

    def __init__(
        self,
        upload: Upload,
        boundary: str,
        check_fields: CheckFields,
        too_large: TooLarge,
        max_bytes: int,
        rules: FileRules = FileRules(),
    ):
        """Calls `check_fields` before the file and at the end; raises `too_large` above `max_bytes`."""
        self._decoder = MultipartDecoder(
            boundary.encode("latin-1", "replace"), READ_BYTES + FIELD_BYTES, max_parts=MAX_PARTS
        )
        self._upload = upload
        self._check_fields = check_fields
        self._too_large = too_large
        self._max_bytes = max_bytes
        self._rules = rules
        self._checked = FormFields()
        self._file: int | None = None
        self._field = ""
        self._value = bytearray()
        self._digest = hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def feed(self, chunk: bytes | None) -> None:
        """Parses the next bytes; None ends the body. Raises `InvalidRequest` if it is malformed."""
        for event in self._events(chunk):
            if isinstance(event, File):
                self._open(event)
            elif isinstance(event, Field):
                self._begin(event)
            elif isinstance(event, Data):
                self._write(event)
        if chunk is None:
            self._finish()

    def _finish(self) -> None:
        if not self._upload.name and self._rules.required:
            field = self._rules.fields[0]
            raise InvalidRequest(
                "No file was sent. Put the audio in a field named {field_name!r}.",
                field_name=field,
                field=field,
            )
        if self._upload.fields != self._checked or not self._upload.name:
            self._check_fields(self._upload.fields)

    def _events(self, chunk: bytes | None) -> Iterator[object]:
        try:
            self._decoder.receive_data(chunk)
            while not isinstance(event := self._decoder.next_event(), (NeedData, Epilogue)):
                yield event
        except ValueError as error:
            raise InvalidRequest("The form is cut off, or it is not multipart/form-data.") from error

    def _begin(self, event: Field) -> None:
        if event.name in self._rules.fields:
            raise InvalidRequest("This field is a file: send it with a file name.", field=event.name)
        self._field, self._value = event.name or "", bytearray()

    def _open(self, event: File) -> None:
        field = self._rules.fields[0]
        if event.name not in self._rules.fields or self._upload.name:
            raise InvalidRequest("Send one file, in the field {field_name!r}.", field_name=field, field=field)
        self._upload.name = file_name(event.filename)
        if not self._upload.name:
            raise InvalidRequest("No file was chosen.", field=field)
        if self._rules.extension:
            self._upload.name = str(Path(self._upload.name).with_suffix(self._rules.extension))
        self._check_fields(self._upload.fields)
        self._checked = self._upload.fields.copy()
        self._file = os.open(self._upload.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def _write(self, event: Data) -> None:
        if self._file is None:
            self._write_field(event)
            return
        if self._rules.check_type and self._upload.size_bytes == 0:
            check_upload_content(event.data)
        self._upload.size_bytes += len(event.data)
        if self._upload.size_bytes > self._max_bytes:
            raise self._too_large
        self._digest.update(event.data)
        remaining = memoryview(event.data)
        while remaining:
            remaining = remaining[os.write(self._file, remaining) :]
        if not event.more_data:
            os.fsync(self._file)
            self._close()
            self._upload.sha256 = self._digest.hexdigest()

    def _write_field(self, event: Data) -> None:
        self._value += event.data
        if len(self._value) > self._field_bytes:
            raise TooLarge("The field {input!r} is too long.", input=self._field[:40], field=self._field[:40])
        if not event.more_data:
            self._upload.fields.add(self._field, self._value.decode("utf-8", "replace"))

    @property
    def _field_bytes(self) -> int:
        is_long = self._field in self._rules.long_fields
        came = sum(len(self._upload.fields.getlist(name)) for name in self._rules.long_fields)
        return LONG_FIELD_BYTES if is_long and came < MAX_LONG_FIELDS else FIELD_BYTES

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
