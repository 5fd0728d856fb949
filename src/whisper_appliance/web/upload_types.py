"""Accepted upload types by file extension, and cleaned file names."""

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

from whisper_appliance.core.errors import UnsupportedMedia

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
MAX_NAME_CHARS = 200


def file_name(given: str) -> str:
    """The last part of the client's path, without control and format characters (such as text direction)."""
    name = PureWindowsPath(PurePosixPath(given).name).name
    shown = "".join(
        char for char in unicodedata.normalize("NFC", name) if unicodedata.category(char)[0] != "C"
    )
    stem, dot, extension = shown.strip().rpartition(".")
    return f"{stem[:MAX_NAME_CHARS]}{dot}{extension[:MAX_NAME_CHARS]}"


def check_upload_type(name: str, content_type: str) -> None:
    """Raises `UnsupportedMedia` for extensions that are not audio or video; the decoder checks the content.

    A file without an extension, as browsers send recordings, is accepted by its content type.
    """
    extension = PurePosixPath(name).suffix.lower().removeprefix(".")
    if extension in EXTENSIONS or (not extension and content_type.startswith(("audio/", "video/"))):
        return
    problem = f"Files named .{extension[:20]} are not taken." if extension else "The file has no extension."
    raise UnsupportedMedia(
        "{problem} Send one of: {choices}.",
        problem=problem,
        choices=", ".join(sorted(EXTENSIONS)),
        field="file",
    )
