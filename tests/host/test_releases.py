"""The update check: only when allowed, within limits, content as text only."""

import json
import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.support.releases import OURS, Feed
from whisper_appliance.core.errors import BadSetting, Unavailable
from whisper_appliance.host.releases import check_address, check_for_update, fetch, is_newer, read_feed

GITHUB = [
    {"tag_name": "v0.3.0", "published_at": "2026-05-02T10:00:00Z", "body": "More.",
     "html_url": "https://example.org/a", "url": "https://api.example.org/1", "draft": False},
    {"tag_name": "v0.4.0-rc1", "published_at": "2026-05-03T10:00:00Z", "body": "", "prerelease": True},
    {"tag_name": "v0.5.0", "draft": True},
    {"tag_name": "nightly"},
]  # fmt: skip


@pytest.fixture
def feed() -> Iterator[Feed]:
    server = Feed()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_newer_releases_are_listed_newest_first(feed: Feed) -> None:
    feed.body = json.dumps(OURS).encode()
    checked = check_for_update(feed.url, "0.1.0", allowed=True)
    assert checked.state == "newer"
    assert [release.version for release in checked.releases] == ["0.10.0", "0.2.0"]
    assert checked.releases[1].notes == "Speakers."
    assert checked.releases[0].url == ""
    assert "0.10.0" in checked.message


def test_the_newest_version_needs_no_update(feed: Feed) -> None:
    feed.body = json.dumps(OURS).encode()
    checked = check_for_update(feed.url, "0.10.0", allowed=True)
    assert (checked.state, checked.releases) == ("current", ())


def test_githubs_answer_is_read_without_drafts_and_pre_releases() -> None:
    (release,) = read_feed(json.dumps(GITHUB).encode())
    assert (release.version, release.date, release.url) == ("0.3.0", "2026-05-02", "https://example.org/a")


def test_the_feed_is_not_fetched_until_it_is_allowed(feed: Feed) -> None:
    assert check_for_update(feed.url, "0.1.0", allowed=False).state == "off"
    assert check_for_update("", "0.1.0", allowed=True).state == "off"
    assert feed.requested == []


def test_being_offline_is_reported_and_is_no_error(feed: Feed) -> None:
    url = feed.url
    feed.server_close()
    checked = check_for_update(url, "0.1.0", allowed=True)
    assert checked.state == "offline"
    assert "works without it" in checked.message


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b'{"releases": 7}', b"7", b"\xff"])
def test_an_invalid_feed_is_refused(feed: Feed, body: bytes) -> None:
    feed.body = body
    assert check_for_update(feed.url, "0.1.0", allowed=True).state == "broken"


def test_malformed_entries_are_left_out() -> None:
    strange = [None, 7, {}, {"version": "1" * 5000}, {"version": "1.0", "date": "soon", "notes": None}]
    (release,) = read_feed(json.dumps(strange).encode())
    assert (release.version, release.date, release.notes) == ("1.0", "", "")


def test_a_huge_feed_is_not_read(feed: Feed) -> None:
    feed.body = json.dumps([{"version": "1.0", "notes": "x" * 300_000}]).encode()
    checked = check_for_update(feed.url, "0.1.0", allowed=True)
    assert checked.state == "broken"
    assert "256 KiB" in checked.message


def test_a_feed_that_takes_too_long_is_aborted(feed: Feed) -> None:
    feed.body = b"[]"
    seconds = iter([0.0, 60.0, 60.0])
    with pytest.raises(Unavailable, match="too long"):
        fetch(feed.url, monotonic=lambda: next(seconds))


@pytest.mark.parametrize("status", [404, 500])
def test_an_error_of_the_feed_is_offline(feed: Feed, status: int) -> None:
    feed.status = status
    assert check_for_update(feed.url, "0.1.0", allowed=True).state == "offline"


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "http://192.0.2.1/", "ftp://127.0.0.1/", "gopher://x"]
)
def test_redirects_to_other_schemes_or_hosts_are_refused(feed: Feed, target: str) -> None:
    feed.status, feed.headers = 302, {"Location": target}
    assert check_for_update(feed.url, "0.1.0", allowed=True).state == "broken"


@pytest.mark.parametrize("target", ["http://127.0.0.1/", "https://localhost:5432/", "http://[::1]/"])
def test_another_machine_does_not_redirect_to_this_one(target: str) -> None:
    check_address(target)
    with pytest.raises(BadSetting):
        check_address(target, allow_local=False)


def test_endless_redirects_are_aborted(feed: Feed) -> None:
    feed.status, feed.headers = 302, {"Location": "/again"}
    assert check_for_update(feed.url, "0.1.0", allowed=True).state == "offline"
    assert len(feed.requested) == 4


@pytest.mark.parametrize("url", ["http://example.org/feed", "file:///etc/passwd", "example.org", "https://"])
def test_only_https_feeds_are_fetched(url: str) -> None:
    with pytest.raises(BadSetting):
        fetch(url)


def test_versions_are_compared_by_their_numbers() -> None:
    order = ["0.1.0-rc1", "0.1.0", "0.1.1", "0.2", "0.10.0", "1.0.0"]
    assert all(is_newer(later, earlier) for earlier, later in pairwise(order))
    assert not is_newer("v0.1.0", "0.1.0")
    assert not is_newer("nonsense", "0.1.0")
