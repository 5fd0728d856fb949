"""The hub that models come from: what a repository holds, and the bytes of a file, resumed where they end.

huggingface_hub makes the addresses, the headers and the errors. The bytes are streamed here: since its change
4228 it deletes the half file when a download stops, so that nothing can be resumed later (its issue 4196).
Its progress and its cancellation come only every 10 MiB, too.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from whisper_appliance.core.errors import Cancelled, NotFound, Unavailable

_PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_QUIET_SECONDS = 10.0
_RETRIES = 5


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on the hub with the checksum it publishes: sha256 of large files, git blob id of small ones."""

    size_bytes: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a repository at one commit."""

    revision: str
    files: Mapping[str, RemoteFile]


class Broken(Unavailable):
    """The connection to the hub failed or ended too early; trying again may help."""


class Hub:
    """A hub with the address `endpoint`; by default the one that huggingface_hub uses (HF_ENDPOINT)."""

    def __init__(self, endpoint: str | None = None, *, pause_seconds: float = 1.0) -> None:
        """`pause_seconds` follow a broken connection; they double each time nothing arrived."""
        self._endpoint = endpoint
        self._pause_seconds = pause_seconds

    def listing(self, repository: str, revision: str | None) -> Listing:
        """What the repository holds. Raises `NotFound`, `Unavailable`."""
        with _in_plain_words(repository):
            from huggingface_hub import HfApi

            info = HfApi(endpoint=self._endpoint).model_info(
                repository, revision=revision, files_metadata=True, timeout=_QUIET_SECONDS
            )
        files = {
            file.rfilename: RemoteFile(file.size or 0, file.lfs.sha256 if file.lfs else file.blob_id or "")
            for file in info.siblings or ()
        }
        return Listing(info.sha or revision or "main", files)

    def fetch(
        self,
        address: str,
        part: Path,
        *,
        size_bytes: int,
        on_bytes: Callable[[int], None],
        cancelled: threading.Event,
    ) -> None:
        """Appends to `part` what it lacks of the file at `address`.

        `on_bytes` hears of each piece that arrived; of less than none when the hub starts over.
        Raises `Cancelled`, `NotFound`, `Unavailable`, and `OSError` when it cannot be written.
        """
        fruitless = 0
        while (have := _size(part)) < size_bytes:
            try:
                with _in_plain_words(address):
                    _stream(address, part, on_bytes, cancelled)
            except Broken:
                fruitless = 0 if _size(part) > have else fruitless + 1
                if fruitless > _RETRIES:
                    raise
                if cancelled.wait(self._pause_seconds * 2**fruitless):
                    raise Cancelled("The download was cancelled.") from None

    def address(self, repository: str, revision: str, file: str) -> str:
        """Where the file is."""
        from huggingface_hub import hf_hub_url

        return hf_hub_url(repository, file, revision=revision, endpoint=self._endpoint)


def _stream(address: str, part: Path, on_bytes: Callable[[int], None], cancelled: threading.Event) -> None:
    from huggingface_hub import get_session
    from huggingface_hub.utils import (  # type: ignore[attr-defined] # documented, but not in its __all__
        build_hf_headers,
        hf_raise_for_status,
    )

    headers = {**build_hf_headers(), "Accept-Encoding": "identity", "Range": f"bytes={_size(part)}-"}
    with (
        get_session().stream("GET", address, headers=headers, timeout=_QUIET_SECONDS) as response,
        part.open("ab") as target,
    ):
        hf_raise_for_status(response)
        if response.status_code != HTTPStatus.PARTIAL_CONTENT:
            on_bytes(-target.tell())
            target.truncate(0)
        for piece in response.iter_bytes():
            if cancelled.is_set():
                raise Cancelled("The download was cancelled.")
            target.write(piece)
            on_bytes(len(piece))


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


@contextmanager
def _in_plain_words(what: str) -> Iterator[None]:
    """The errors of the libraries as ours."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read when huggingface_hub is first imported
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.OfflineModeIsEnabled:
        raise Unavailable("The hub is not asked because HF_HUB_OFFLINE is set.") from None
    except errors.GatedRepoError:
        raise NotFound(f"{what} on the hub needs an account with access (HF_TOKEN).") from None
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError):
        raise NotFound(f"{what} is not on the hub, or not for everyone.") from None
    except errors.HFValidationError:
        raise NotFound(f"{what} cannot be the name of a repository of the hub.") from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        kind = Broken if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR else Unavailable
        raise kind(f"The hub answered {status} for {what}. Try again later.") from error
    except httpx2.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise Broken(
            f"The hub cannot be reached ({reason}). Is this machine connected to the internet?"
        ) from error
