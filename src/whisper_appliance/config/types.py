"""Types of settings: how the text of an environment variable is parsed."""

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, ByteSize
from pydantic_settings import NoDecode

from whisper_appliance.core.errors import BadSetting
from whisper_appliance.core.protocol_names import PROTOCOL_NAMES

EXPORT_FORMATS = ("txt", "srt", "vtt", "json", "tsv", "csv", "ass", "md", "html", "docx", "pdf", "edl")
"""Names of `transcript.formats.FORMATS`, which takes long to import."""
PROGRAM_ORIGINS = ("app", "capacitor", "ionic", "tauri")
"""Schemes of the origins of desktop and mobile programs, such as app://obsidian.md."""


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _user_units(value: object) -> object:
    """Reads 100MB and 2GB as MiB and GiB, because limits have always been in powers of two here."""
    if isinstance(value, str):
        stripped = value.strip().upper()
        for unit in ("KB", "MB", "GB"):
            if stripped.endswith(unit):
                return stripped.removesuffix("B") + "iB"
    return value


def size_text(size: int) -> str:
    """A size as people write it in a setting, exactly: `100MB`, `8KB`, or the bytes alone."""
    units = ((2**30, "GB"), (2**20, "MB"), (2**10, "KB"))
    found = next(((factor, unit) for factor, unit in units if size and size % factor == 0), None)
    return f"{size // found[0]}{found[1]}" if found else str(int(size))


def _origins(values: list[str]) -> list[str]:
    return [_origin(value) for value in values]


def _origin(text: str) -> str:
    """An origin as browsers and programs send it, with scheme and port; wildcards are refused."""
    parts = urlsplit(text.rstrip("/").lower())
    named = (
        parts.scheme in ("http", "https", *PROGRAM_ORIGINS)
        and parts.hostname
        and "*" not in text
        and "@" not in text
    )
    if not named or parts.path or parts.query or parts.fragment:
        raise ValueError(f"{text!r} is no origin; write each as https://app.example, with its port")
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, usual) else "")


def _protocol_names(values: list[str]) -> list[str]:
    """The names in the order of `PROTOCOL_NAMES`; `none` is no name at all."""
    wanted = [value.lower() for value in values if value.lower() != "none"]
    unknown = [name for name in wanted if name not in PROTOCOL_NAMES]
    if unknown:
        raise ValueError(f"there is no protocol {unknown[0]!r}; choose from {', '.join(PROTOCOL_NAMES)}")
    return [name for name in PROTOCOL_NAMES if name in wanted]


def _model_aliases(values: list[str]) -> list[str]:
    for value in values:
        alias, equals, model = (part.strip() for part in value.partition("="))
        if not (alias and equals and model):
            raise ValueError(f"{value!r} is no alias; write each as name=model, like whisper-1=small")
    return values


def _model_by_language(values: list[str]) -> list[str]:
    for value in values:
        language, colon, model = (part.strip() for part in value.partition(":"))
        if not (language and colon and model):
            raise ValueError(f"{value!r} names no language and model; write each as de:small")
        if model.endswith(".en") and language.lower() not in ("en", "english"):
            raise ValueError(f"{model} supports English only, so it cannot be the model for {language!r}")
    return values


def _export_formats(values: list[str]) -> list[str]:
    unknown = [name for name in values if name not in EXPORT_FORMATS]
    if unknown or not values:
        raise ValueError(f"choose one or more of {', '.join(EXPORT_FORMATS)}")
    return list(dict.fromkeys(values))


Names = Annotated[list[str], NoDecode, BeforeValidator(_comma_separated)]
Origins = Annotated[list[str], NoDecode, AfterValidator(_origins), BeforeValidator(_comma_separated)]
ProtocolNames = Annotated[
    list[str], NoDecode, AfterValidator(_protocol_names), BeforeValidator(_comma_separated)
]
ModelAliases = Annotated[
    list[str], NoDecode, AfterValidator(_model_aliases), BeforeValidator(_comma_separated)
]
ModelByLanguage = Annotated[
    list[str], NoDecode, AfterValidator(_model_by_language), BeforeValidator(_comma_separated)
]
ExportFormats = Annotated[
    list[str], NoDecode, AfterValidator(_export_formats), BeforeValidator(_comma_separated)
]


def expanded(path: str | Path) -> Path:
    """The path with its `~` replaced. Raises `BadSetting` for a user without a home folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise BadSetting(
            "User {user} has no home folder for {path}. Set HOME, or DATA_DIR and MODEL_DIR, to a folder "
            "that this user can write.",
            user=os.geteuid(),
            path=path,
        ) from None


Folder = Annotated[Path, BeforeValidator(expanded)]
Size = Annotated[ByteSize, BeforeValidator(_user_units)]


def _mounted(value: object) -> Path:
    """An absolute folder, given as a path or as a file:// URL."""
    text = str(value)
    parts = urlsplit(text)
    if parts.scheme:
        if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
            raise ValueError(
                "only folders are supported by this version; write /mnt/share or file:///mnt/share"
            )
        text = unquote(parts.path)
    path = expanded(text)
    if not path.is_absolute():
        raise ValueError("write the whole path of the folder, like /mnt/share or file:///mnt/share")
    return path


MountedFolder = Annotated[Path, BeforeValidator(_mounted)]


def default_data_dir() -> Path:
    """The user's data folder (XDG Base Directory)."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return expanded(base) / "whisper-appliance"
