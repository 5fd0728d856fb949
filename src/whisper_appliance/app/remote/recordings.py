"""Recordings at an address of the network: fetched for a job, where an administrator allows it.

Each request goes to the address that was checked, not to the name, so that a name server cannot give another
one in between (DNS rebinding). Redirects are followed here, because each leads to an address of its own.
"""

import hashlib
import os
import re
import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from whisper_appliance.app.remote import page
from whisper_appliance.app.remote.deadline import Deadline
from whisper_appliance.app.remote.podcast_feed import Feed, is_feed, read_feed
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import DiskFull, InvalidRequest, TooLarge
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.text import format_bytes
from whisper_appliance.webhooks.target import is_public

if TYPE_CHECKING:
    from httpx2 import Response

MAX_REDIRECTS = 5
IDLE_SECONDS = 30.0
INSPECT_SECONDS = 30.0
MAX_URL_CHARS = 2000
HEAD_BYTES = 512
NO_HOST = N_("no such host")
SIZE = re.compile(r"[0-9]{1,15}")
_REDIRECTS = (301, 302, 303, 307, 308)
_FORBIDDEN_CHARS = frozenset(" \t\r\n\\")
Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class FetchedRecording:
    """A recording that was fetched. `name` is that of its file, from the address."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class RemoteContent:
    """What is at an address: a feed, or else a file that may be a recording; None: of unknown size."""

    name: str
    size_bytes: int | None
    feed: Feed | None = None


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host name. Raises `OSError`."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class RemoteRecordings:
    """Fetches recordings from addresses, within the limits of uploads."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        *,
        resolve: Resolve = resolve,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        inspect_seconds: float = INSPECT_SECONDS,
    ) -> None:
        """`settings` returns those in force: URL_IMPORTS says whether addresses are allowed."""
        self._settings = settings
        self._resolve = resolve
        self._tls = tls
        self._inspect_seconds = inspect_seconds

    def inspect(self, url: str) -> RemoteContent:
        """What is at an address. Raises `InvalidRequest`."""
        with Deadline(self._inspect_seconds) as deadline, self._opened(url, deadline) as response:
            if _is_page(response):
                return RemoteContent(_name(response), None)
            chunks, head = _chunks(response, deadline), b""
            while len(head) < HEAD_BYTES and (chunk := next(chunks, b"")):
                head += chunk
            if is_feed(head[:HEAD_BYTES]):
                return RemoteContent("", None, read_feed(chain([head], chunks)))
            length = response.headers.get("Content-Length", "")
            return RemoteContent(_name(response), int(length) if SIZE.fullmatch(length) else None)

    def fetch(self, url: str, target: Path) -> FetchedRecording:
        """Writes the file at an address to the new file `target`, which is on disk (fsync) afterwards.

        Raises `InvalidRequest`, `TooLarge`, `DiskFull`.
        """
        with Deadline(self._settings().upload_seconds) as deadline:
            with self._opened(url, deadline) as response:
                if not _is_page(response):
                    return self._stored(response, target, deadline)
            return self._fetched_from_page(url, target, deadline.left)

    def _fetched_from_page(self, url: str, target: Path, seconds: float) -> FetchedRecording:
        settings = self._settings()
        self._check_space(target)
        private, limit = settings.url_imports_private, int(settings.max_upload_size)
        job = page.PageJob(url, str(target), private, limit, max(1.0, seconds))
        name = page.fetch_from_page(job)
        with target.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
            return FetchedRecording(name, os.fstat(file.fileno()).st_size, digest)

    def _stored(self, response: "Response", target: Path, deadline: Deadline) -> FetchedRecording:
        settings = self._settings()
        size, digest = 0, hashlib.sha256()
        with open(target, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            for chunk in _chunks(response, deadline):
                size += len(chunk)
                if size > settings.max_upload_size:
                    limit = format_bytes(settings.max_upload_size)
                    raise TooLarge(
                        "The file is larger than {limit}, the limit of this appliance.", limit=limit
                    )
                self._check_space(target)
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        return FetchedRecording(_name(response), size, digest.hexdigest())

    def _check_space(self, target: Path) -> None:
        if shutil.disk_usage(target.parent).free < self._settings().min_free_disk:
            raise DiskFull("Not enough free disk space for this file. Free some, or ask an administrator.")

    @contextmanager
    def _opened(self, url: str, deadline: Deadline) -> "Iterator[Response]":
        """The answer of a server to a GET, behind its redirects; its body is not read yet."""
        import httpx2

        try:
            for _ in range(MAX_REDIRECTS + 1):
                with self._requested(url, deadline) as response:
                    location = response.headers.get("Location", "")
                    if response.status_code in _REDIRECTS and location:
                        url = urljoin(url, location)
                        continue
                    _check_answer(response)
                    response.extensions["address"] = url
                    yield response
                    return
        except (socket.gaierror, ssl.SSLError, httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            deadline.check()
            raise InvalidRequest(
                "This address cannot be reached: {reason}", reason=_reason(error), field="url"
            ) from error
        raise InvalidRequest("This address leads from one to the next without an end.", field="url")

    @contextmanager
    def _requested(self, url: str, deadline: Deadline) -> "Iterator[Response]":
        import httpx2

        deadline.check()
        parts = self._checked(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        address = self._allowed(self._resolve(host, port))
        shown = f"[{address}]" if ":" in address else address
        verify = self._tls() if parts.scheme == "https" else False
        timeout = max(0.1, min(IDLE_SECONDS, deadline.left))
        headers = {"Host": parts.netloc, "User-Agent": "whisper-appliance", "Accept-Encoding": "identity"}
        with (
            httpx2.Client(verify=verify, trust_env=False, timeout=timeout) as client,
            client.stream(
                "GET",
                parts._replace(netloc=f"{shown}:{port}", fragment="").geturl(),
                headers=headers,
                extensions={"sni_hostname": host, "trace": deadline.trace},
            ) as response,
        ):
            yield response

    def _checked(self, url: str) -> SplitResult:
        if not self._settings().url_imports:
            raise InvalidRequest(
                "This appliance fetches no recordings from addresses. An administrator can allow it with "
                "URL_IMPORTS.",
                field="url",
            )
        try:
            parts = urlsplit(url)
            is_valid = parts.scheme in ("http", "https") and (parts.port is None or 0 < parts.port < 65536)
        except ValueError:
            is_valid = False
        if not is_valid or len(url) > MAX_URL_CHARS or _FORBIDDEN_CHARS & set(url) or not parts.hostname:
            raise InvalidRequest(
                "This is not an address of a recording. It begins with https://.", field="url"
            )
        if parts.username is not None:
            raise InvalidRequest("The address must have no user name.", field="url")
        return parts

    def _allowed(self, addresses: list[str]) -> str:
        if not addresses:
            raise InvalidRequest("This address cannot be reached: {reason}", reason=NO_HOST, field="url")
        if not self._settings().url_imports_private and not all(map(is_public, addresses)):
            raise InvalidRequest(
                "This address belongs to a private network or to this machine. The environment of the "
                "appliance can allow that with URL_IMPORTS_PRIVATE.",
                field="url",
            )
        return addresses[0]


def _check_answer(response: "Response") -> None:
    if response.status_code != 200:
        raise InvalidRequest(
            "The server of this address answers {status}.", status=response.status_code, field="url"
        )
    if response.headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
        raise InvalidRequest(
            "The server of this address sends it in a form that was not wanted.", field="url"
        )
    if _is_page(response) and not page.is_available():
        raise InvalidRequest(
            "This is the address of a page. Copy the address of the recording itself, or of the "
            "podcast's feed.",
            field="url",
        )


def _is_page(response: "Response") -> bool:
    return response.headers.get("Content-Type", "").lower().startswith("text/html")


def _chunks(response: "Response", deadline: Deadline) -> Iterator[bytes]:
    """The body as it arrives. Its end is none when the deadline has shut the connection down."""
    for chunk in response.iter_raw():
        deadline.check()
        yield chunk
    deadline.check()


def _name(response: "Response") -> str:
    """The name of the file in an address."""
    path = urlsplit(str(response.extensions["address"])).path
    return unquote(path.rpartition("/")[2]) or "recording"


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return NO_HOST
    return N_("its certificate is not valid") if "CERTIFICATE" in str(error) else N_("no answer")
