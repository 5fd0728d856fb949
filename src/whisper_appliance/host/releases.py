"""A list of releases somewhere else, asked only when somebody wants to know. It is believed as text only."""

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import BadSetting, Unavailable

QUIET_SECONDS = 5.0
WHOLE_SECONDS = 15.0
MOST_BYTES = 256 * 1024
MOST_REDIRECTS = 3
MOST_RELEASES = 50
MOST_CHARACTERS = 20_000
VERSION = re.compile(r"v?(\d{1,6}(?:\.\d{1,6}){0,3})(?:[-.+]?([0-9A-Za-z.+-]{1,40}))?")
LOOPBACK = ("localhost", "127.0.0.1", "::1")

State = Literal["off", "current", "newer", "offline", "broken"]


@dataclass(frozen=True, slots=True)
class Release:
    """One version. `notes` are plain text of its makers; `url` leads to more, or is empty."""

    version: str
    date: str
    notes: str
    url: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What the feed said: the releases after the present version, newest first, and a sentence for people."""

    state: State
    message: str
    current: str
    newest: str | None
    releases: tuple[Release, ...]
    checked: str | None


def check(feed_url: str, current: str, *, allowed: bool, clock: Clock = now) -> Checked:
    """Asks the feed, if that is allowed. Does not raise: being offline is a state like others."""
    if not allowed or not feed_url:
        why = (
            "No feed of releases is set (UPDATE_FEED_URL)."
            if allowed
            else "Nothing was asked: asking for new versions is off (UPDATE_CHECK)."
        )
        return Checked("off", why, current, None, (), None)
    moment = written(clock())
    try:
        releases = read_feed(fetch(feed_url))
    except Unavailable as error:
        return Checked("offline", error.message, current, None, (), moment)
    except (BadSetting, ValueError) as error:
        return Checked("broken", str(error), current, None, (), moment)
    newer = tuple(release for release in releases if is_newer(release.version, current))
    newest = releases[0].version if releases else None
    if newer:
        return Checked("newer", f"Version {newer[0].version} is out.", current, newest, newer, moment)
    return Checked("current", f"Version {current} is the newest.", current, newest, (), moment)


def fetch(url: str, *, monotonic: Callable[[], float] = time.monotonic) -> bytes:
    """The feed, within limits of time and size. Raises `Unavailable`, `BadSetting` (its address)."""
    import httpx2

    give_up = monotonic() + WHOLE_SECONDS
    try:
        for _ in range(MOST_REDIRECTS + 1):
            check_address(url)
            near = urlsplit(url).hostname in LOOPBACK
            headers = {"Accept": "application/json", "User-Agent": "whisper-appliance"}
            with (
                httpx2.Client(
                    timeout=QUIET_SECONDS, follow_redirects=False, trust_env=not near, verify=not near
                ) as client,
                client.stream("GET", url, headers=headers) as answer,
            ):
                if not answer.is_redirect:
                    answer.raise_for_status()
                    return _body(answer.iter_bytes(), lambda: monotonic() > give_up)
                url = urljoin(url, answer.headers.get("Location", ""))
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise Unavailable(
            f"The feed of releases does not answer ({type(error).__name__}). "
            "The appliance works without it; try again when this machine is online."
        ) from error
    raise Unavailable("The feed of releases leads from one address to the next, without end.")


def check_address(url: str) -> None:
    """Raises `BadSetting` unless the address is https, or of this machine itself."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        raise BadSetting("The feed of releases (UPDATE_FEED_URL) must be an https address.")


def read_feed(text: bytes) -> tuple[Release, ...]:
    """The releases of a feed, newest first; docs/deploying.md has its form. Raises ValueError for nonsense.

    The answer of GitHub's API to /repos/OWNER/NAME/releases is read too, drafts and pre-releases left out.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("The feed of releases is not JSON.") from None
    listed = content.get("releases") if isinstance(content, dict) else content
    if not isinstance(listed, list):
        raise ValueError("The feed of releases holds no list of releases.")  # noqa: TRY004 - its content is wrong
    found = [release for each in listed[:1000] if (release := _release(each)) is not None]
    return tuple(sorted(found, key=lambda release: _order(release.version), reverse=True)[:MOST_RELEASES])


def is_newer(version: str, than: str) -> bool:
    """Whether one version comes after another; a pre-release comes before its version."""
    return _order(version) > _order(than)


def _release(entry: Any) -> Release | None:
    if not isinstance(entry, dict) or entry.get("draft") or entry.get("prerelease"):
        return None
    version = str(entry.get("version") or entry.get("tag_name") or "")
    found = VERSION.fullmatch(version)
    if found is None or (found[2] and not found[2].startswith("+")):
        return None
    url = str(entry.get("url") if "version" in entry else entry.get("html_url") or "")
    return Release(
        version.removeprefix("v"),
        _day(str(entry.get("date") or entry.get("published_at") or "")),
        str(entry.get("notes") or entry.get("body") or "")[:MOST_CHARACTERS],
        url[:500] if urlsplit(url).scheme == "https" else "",
    )


def _day(text: str) -> str:
    try:
        return datetime.fromisoformat(text).date().isoformat()
    except ValueError:
        return ""


def _order(version: str) -> tuple[Sequence[int], bool, str]:
    found = VERSION.fullmatch(version)
    if found is None:
        return ((), False, "")
    numbers = [int(number) for number in found[1].split(".")]
    extra = found[2] or ""
    return (tuple([*numbers, 0, 0, 0, 0][:4]), not extra or extra.startswith("+"), extra)


def _body(chunks: Any, too_late: Callable[[], bool]) -> bytes:
    body = b""
    for chunk in chunks:
        body += chunk
        if len(body) > MOST_BYTES:
            raise ValueError(
                f"The feed of releases is larger than {MOST_BYTES // 1024} KiB. It was not read."
            )
        if too_late():
            raise Unavailable("The feed of releases took too long. Try again later.")
    return body
