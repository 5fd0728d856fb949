"""The recording of a page, found and fetched by yt-dlp (the extra `pages`) in a process of its own."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from whisper_appliance.core.atomic_files import PART
from whisper_appliance.core.errors import ApplianceError, InvalidRequest, TooLarge
from whisper_appliance.core.text import format_bytes

CHILD = "whisper_appliance.app.remote.page_process"
ANSWER_BYTES = 16_384
GRACE_SECONDS = 10.0
"""The process ends by itself before."""


@dataclass(frozen=True, slots=True)
class PageJob:
    """What the process does: the recording of the page at `url` becomes the new file `target`.

    It changes files in the folder of the target only, and reads no others of the appliance.
    `private`: it may connect to private networks and this machine, too.
    """

    url: str
    target: str
    private: bool
    max_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """The name of the file that was fetched, or else the code of an error."""

    name: str = ""
    error: str = "none"


def read_answer(content: bytes) -> PageAnswer:
    """What the process wrote, which is not trusted; nothing sensible is an error."""
    try:
        answer = PageAnswer(**json.loads(content))
    except (ValueError, TypeError, RecursionError):  # it was killed, or is broken
        return PageAnswer()
    return PageAnswer(str(answer.name), str(answer.error))


def is_available() -> bool:
    """Whether yt-dlp is installed."""
    return find_spec("yt_dlp") is not None


def fetch_from_page(job: PageJob) -> str:
    """Writes the recording of a page to its target; returns the name of the file, with its ending.

    Raises `InvalidRequest`, `TooLarge`.
    """
    target = Path(job.target)
    with TemporaryDirectory(dir=target.parent, suffix=PART) as folder, TemporaryFile() as output:
        fetched = Path(folder) / "recording"
        try:
            subprocess.run(
                [sys.executable, "-P", "-m", CHILD],
                input=json.dumps(asdict(replace(job, target=str(fetched)))).encode(),
                stdout=output,
                stderr=subprocess.DEVNULL,
                timeout=job.seconds + GRACE_SECONDS,
                env={"PATH": os.defpath, "HOME": folder},
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise InvalidRequest("Fetching this recording took too long.", field="url") from None
        output.seek(0)
        answer = read_answer(output.read(ANSWER_BYTES))
        if answer.name and fetched.is_file() and not fetched.is_symlink():
            fetched.replace(target)
            return answer.name
    raise _error(answer.error, job)


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
