"""Update check: reads a feed of releases, only on request. Its content is shown as plain text only."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urljoin, urlsplit

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import BadSetting, Unavailable

if TYPE_CHECKING:
    from packaging.version import Version

READ_TIMEOUT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
MAX_BYTES = 256 * 1024
MAX_REDIRECTS = 3
MAX_RELEASES = 50
MAX_VERSION_CHARS = 60
MAX_CHARACTERS = 20_000
LOOPBACK = ("localhost", "127.0.0.1", "::1")

UpdateState = Literal["off", "current", "newer", "offline", "broken"]


@dataclass(frozen=True, slots=True)
class Release:
    """One release. `notes` are plain text; `url` is a page about it, or empty."""

    version: str
    date: str
    notes: str
    url: str


@dataclass(frozen=True, slots=True)
class UpdateCheck:
    """The result of an update check: the releases newer than `current`, newest first, and a sentence."""

    state: UpdateState
    message: str
    current: str
    newest: str | None
    releases: tuple[Release, ...]
    checked: str | None


class UpdateChecks:
    """Checks for updates on request, and keeps the last result until the program ends."""

    last: UpdateCheck | None = None

    def check(self, feed_url: str, current: str, *, allowed: bool) -> UpdateCheck:
        """The result of `check_for_update`."""
        self.last = check_for_update(feed_url, current, allowed=allowed)
        return self.last


def check_for_update(feed_url: str, current: str, *, allowed: bool, clock: Clock = now) -> UpdateCheck:
    """Reads the feed, if that is allowed. Does not raise; being offline is a state."""
    if not allowed or not feed_url:
        reason = (
            "No feed of releases is set (UPDATE_FEED_URL)."
            if allowed
            else "The update check is off (UPDATE_CHECK), so nothing was requested."
        )
        return UpdateCheck("off", reason, current, None, (), None)
    moment = written(clock())
    try:
        releases = read_feed(fetch(feed_url))
    except Unavailable as error:
        return UpdateCheck("offline", error.message, current, None, (), moment)
    except (BadSetting, ValueError) as error:
        return UpdateCheck("broken", str(error), current, None, (), moment)
    newer = tuple(release for release in releases if is_newer(release.version, current))
    newest = releases[0].version if releases else None
    if newer:
        return UpdateCheck(
            "newer", f"Version {newer[0].version} is available.", current, newest, newer, moment
        )
    return UpdateCheck("current", f"Version {current} is the newest.", current, newest, (), moment)


def fetch(url: str, *, monotonic: Callable[[], float] = time.monotonic) -> bytes:
    """Downloads the feed within limits of time and size. Raises `Unavailable`, `BadSetting` for its URL."""
    import httpx2

    deadline, is_local = monotonic() + TOTAL_SECONDS, True
    try:
        for _ in range(MAX_REDIRECTS + 1):
            check_address(url, allow_local=is_local)
            is_local = urlsplit(url).hostname in LOOPBACK
            headers = {"Accept": "application/json", "User-Agent": "whisper-appliance"}
            with (
                httpx2.Client(
                    timeout=READ_TIMEOUT_SECONDS,
                    follow_redirects=False,
                    trust_env=not is_local,
                    verify=not is_local,
                ) as client,
                client.stream("GET", url, headers=headers) as response,
            ):
                if not response.is_redirect:
                    response.raise_for_status()
                    return _body(response.iter_bytes(), lambda: monotonic() > deadline)
                url = urljoin(url, response.headers.get("Location", ""))
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise Unavailable(
            "The feed of releases does not answer ({kind}). The appliance works without it; "
            "try again when this machine is online.",
            kind=type(error).__name__,
        ) from error
    raise Unavailable("The feed of releases redirects too often.")


def check_address(url: str, *, allow_local: bool = True) -> None:
    """Raises `BadSetting` unless the URL is https, or of this machine itself.

    Redirects of other machines may not lead to this one (`allow_local` False).
    """
    parts = urlsplit(url)
    if parts.hostname in LOOPBACK:
        is_allowed = allow_local and parts.scheme in ("http", "https")
    else:
        is_allowed = parts.scheme == "https" and bool(parts.hostname)
    if not is_allowed:
        raise BadSetting("The feed of releases (UPDATE_FEED_URL) must be an https address.")


def read_feed(text: bytes) -> tuple[Release, ...]:
    """Parses a feed into releases, newest first; docs/deploying.md has its format. Raises ValueError.

    GitHub's /repos/OWNER/NAME/releases is accepted too. Drafts and pre-releases are left out.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("The feed of releases is not JSON.") from None
    entries = content.get("releases") if isinstance(content, dict) else content
    if not isinstance(entries, list):
        raise ValueError("The feed of releases holds no list of releases.")  # noqa: TRY004 - its content is wrong
    found = [pair for entry in entries[:1000] if (pair := _release(entry)) is not None]
    newest_first = sorted(found, key=lambda pair: pair[0], reverse=True)
    return tuple(release for _, release in newest_first[:MAX_RELEASES])


def is_newer(version: str, than: str) -> bool:
    """Whether `version` is newer (PEP 440). A text that is no version is older than every version."""
    parsed, other = _parse(version), _parse(than)
    return parsed is not None and (other is None or parsed > other)


def _release(entry: Any) -> "tuple[Version, Release] | None":
    if not isinstance(entry, dict) or entry.get("draft") or entry.get("prerelease"):
        return None
    text = str(entry.get("version") or entry.get("tag_name") or "")
    version = _parse(text)
    if version is None or version.is_prerelease:
        return None
    url = str(entry.get("url") if "version" in entry else entry.get("html_url") or "")
    return version, Release(
        text.removeprefix("v"),
        _day(str(entry.get("date") or entry.get("published_at") or "")),
        str(entry.get("notes") or entry.get("body") or "")[:MAX_CHARACTERS],
        url[:500] if urlsplit(url).scheme == "https" else "",
    )


def _day(text: str) -> str:
    try:
        return datetime.fromisoformat(text).date().isoformat()
    except ValueError:
        return ""


def _parse(text: str) -> "Version | None":
    from packaging.version import InvalidVersion, Version  # only an update check needs it

    if len(text) > MAX_VERSION_CHARS:
        return None
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _body(chunks: Any, is_late: Callable[[], bool]) -> bytes:
    body = b""
    for chunk in chunks:
        body += chunk
        if len(body) > MAX_BYTES:
            raise ValueError(f"The feed of releases is larger than {MAX_BYTES // 1024} KiB. It was not read.")
        if is_late():
            raise Unavailable("The feed of releases took too long. Try again later.")
    return body
