"""The recording of a page, found and fetched by yt-dlp (the extra `pages`) in a process of its own."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from whisper_appliance.core.errors import ApplianceError, InvalidRequest, TooLarge
from whisper_appliance.core.text import format_bytes

CHILD = "whisper_appliance.app.remote.page_process"
GRACE_SECONDS = 10.0
"""The process ends by itself before."""


@dataclass(frozen=True, slots=True)
class PageJob:
    """What the process does: the recording of the page at `url` becomes the new file `target`.

    `private`: it may connect to private networks and this machine, too.
    """

    url: str
    target: str
    private: bool
    max_bytes: int
    seconds: float


def is_available() -> bool:
    """Whether yt-dlp is installed."""
    return find_spec("yt_dlp") is not None


def fetch_from_page(job: PageJob) -> str:
    """Writes the recording of a page to its target; returns the name of the file, with its ending.

    Raises `InvalidRequest`, `TooLarge`.
    """
    try:
        ended = subprocess.run(
            [sys.executable, "-m", CHILD],
            input=json.dumps(asdict(job)),
            capture_output=True,
            text=True,
            timeout=job.seconds + GRACE_SECONDS,
            env={"PATH": os.defpath, "HOME": str(Path(job.target).parent)},
            check=False,
        )
        answer: dict[str, Any] = json.loads(ended.stdout)
    except subprocess.TimeoutExpired:
        raise InvalidRequest("Fetching this recording took too long.", field="url") from None
    except ValueError:  # it was killed
        answer = {"error": "none"}
    if "name" in answer:
        return str(answer["name"])
    raise _error(str(answer["error"]), job)


def _error(code: str, job: PageJob) -> ApplianceError:
    if code == "too_large":
        limit = format_bytes(job.max_bytes)
        return TooLarge("The file is larger than {limit}, the limit of this appliance.", limit=limit)
    if code == "private":
        return InvalidRequest(
            "This page leads to a private network or to this machine. The environment of the appliance can "
            "allow that with URL_IMPORTS_PRIVATE.",
            field="url",
        )
    return InvalidRequest(
        "No recording that can be fetched was found on this page. Copy the address of the recording itself.",
        field="url",
    )
