"""Client of the Hugging Face Hub: lists the files of a repository, and downloads a file with resume.

huggingface_hub supplies URLs, headers and errors. The bytes are streamed here, because since its change 4228
it deletes the partial file when a download stops, so that nothing can be resumed (its issue 4196). It also
reports progress, and can be cancelled, only every 10 MiB.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from whisper_appliance.core.errors import Cancelled, NotFound, Unavailable

_RETRYABLE = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_TIMEOUT_SECONDS = 10.0
_RETRIES = 5


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on the hub with its published checksum: SHA-256 of large files, git blob id of small ones."""

    size_bytes: int
    checksum: str


@dataclass(frozen=True, slots=True)
class RepositoryListing:
    """The files of a repository at one commit."""

    revision: str
    files: Mapping[str, RemoteFile]


class TransferInterrupted(Unavailable):
    """The connection to the hub failed or ended too early; a retry may help."""


class Hub:
    """A hub at `endpoint`; by default the one of huggingface_hub (HF_ENDPOINT)."""

    def __init__(self, endpoint: str | None = None, *, pause_seconds: float = 1.0) -> None:
        """`pause_seconds`: back-off after a broken connection; it doubles if no bytes arrived."""
        self._endpoint = endpoint
        self._pause_seconds = pause_seconds

    def list_files(self, repository: str, revision: str | None) -> RepositoryListing:
        """Lists the files of a repository. Raises `NotFound`, `Unavailable`."""
        with _hub_errors_in_words(repository):
            from huggingface_hub import HfApi

            info = HfApi(endpoint=self._endpoint).model_info(
                repository, revision=revision, files_metadata=True, timeout=_TIMEOUT_SECONDS
            )
        files = {
            file.rfilename: RemoteFile(file.size or 0, file.lfs.sha256 if file.lfs else file.blob_id or "")
            for file in info.siblings or ()
        }
        return RepositoryListing(info.sha or revision or "main", files)

    def fetch(
        self,
        address: str,
        part: Path,
        *,
        size_bytes: int,
        on_bytes: Callable[[int], None],
        cancelled: threading.Event,
    ) -> None:
        """Downloads the file at `address` to `part`, continuing after the bytes that `part` has.

        `on_bytes` is called with the size of each block; with a negative size if the hub starts over.
        Raises `Cancelled`, `NotFound`, `Unavailable`, and `OSError` if `part` cannot be written.
        """
        failures = 0
        while (done := _size(part)) < size_bytes:
            try:
                with _hub_errors_in_words(address):
                    _stream(address, part, on_bytes, cancelled)
            except TransferInterrupted:
                failures = 0 if _size(part) > done else failures + 1
                if failures > _RETRIES:
                    raise
                if cancelled.wait(self._pause_seconds * 2**failures):
                    raise Cancelled("The download was cancelled.") from None

    def file_url(self, repository: str, revision: str, file: str) -> str:
        """The URL of a file."""
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
        get_session().stream("GET", address, headers=headers, timeout=_TIMEOUT_SECONDS) as response,
        part.open("ab") as target,
    ):
        hf_raise_for_status(response)
        if response.status_code != HTTPStatus.PARTIAL_CONTENT:
            on_bytes(-target.tell())
            target.truncate(0)
        for block in response.iter_bytes():
            if cancelled.is_set():
                raise Cancelled("The download was cancelled.")
            target.write(block)
            on_bytes(len(block))


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


@contextmanager
def _hub_errors_in_words(target: str) -> Iterator[None]:
    """Translates errors of huggingface_hub and httpx2 into errors of the appliance."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read when huggingface_hub is first imported
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.OfflineModeIsEnabled:
        raise Unavailable("HF_HUB_OFFLINE is set, so the hub is not used.") from None
    except errors.GatedRepoError:
        raise NotFound(
            "{target} on the hub needs an account with access (HF_TOKEN).", target=target
        ) from None
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError):
        raise NotFound("{target} is not on the hub, or not for everyone.", target=target) from None
    except errors.HFValidationError:
        raise NotFound("{target} cannot be the name of a repository of the hub.", target=target) from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        kind = (
            TransferInterrupted
            if status in _RETRYABLE or status >= HTTPStatus.INTERNAL_SERVER_ERROR
            else Unavailable
        )
        raise kind(f"The hub answered {status} for {target}. Try again later.") from error
    except httpx2.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise TransferInterrupted(
            f"The hub cannot be reached ({reason}). Is this machine connected to the internet?"
        ) from error
