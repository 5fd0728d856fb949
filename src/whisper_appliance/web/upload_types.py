"""Refused upload types by content, and cleaned file names."""

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

from whisper_appliance.audio.decode_errors import unreadable_error
from whisper_appliance.audio.formats import FORMATS, unreadable_format
from whisper_appliance.core.errors import UnsupportedMedia

# Files that are surely no recordings, by their first bytes.
_OTHER_KINDS = (
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"MZ", "EXE"),
    (b"\x7fELF", "ELF"),
    (b"#EXTM3U", "M3U"),
    (b"<!DOCTYPE", "HTML"),
    (b"<html", "HTML"),
)
MAX_NAME_CHARS = 200


def file_name(given: str) -> str:
    """The last part of the client's path, without control and format characters (such as text direction)."""
    name = PureWindowsPath(PurePosixPath(given).name).name
    shown = "".join(
        char for char in unicodedata.normalize("NFC", name) if unicodedata.category(char)[0] != "C"
    )
    stem, dot, extension = shown.strip().rpartition(".")
    return f"{stem[:MAX_NAME_CHARS]}{dot}{extension[:MAX_NAME_CHARS]}"


def check_upload_content(head: bytes) -> None:
    """Raises `UnsupportedMedia` if a file begins as no recording does, or as one that cannot be read.

    Name and content type say nothing, and the decoder checks the rest.
    """
    if unreadable := unreadable_format(head):
        raise unreadable_error(unreadable.name, UnsupportedMedia)
    kind = next((name for start, name in _OTHER_KINDS if head.startswith(start)), None)
    if kind:
        raise UnsupportedMedia(
            "This is a {kind} file, not a recording. Send one of: {formats}.",
            kind=kind,
            formats=", ".join(one.name for one in FORMATS if not one.raw),
            field="file",
        )
