"""Recordings at an address are fetched within limits, and from private networks only where allowed."""

import hashlib
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path

import pytest

from tests.support.file_server import FileServer, feed, file_server
from whisper_appliance.app.remote.podcast_feed import MOST_EPISODES, Episode, Feed, read_feed
from whisper_appliance.app.remote.recordings import RemoteRecordings
from whisper_appliance.config import settings
from whisper_appliance.core.errors import ApplianceError, InvalidRequest, TooLarge

SOUND = b"RIFF" + bytes(range(256)) * 3000


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as server:
        server.files["/a%20talk.wav"] = ("audio/wav", SOUND)
        server.redirects["/moved"] = "/a%20talk.wav"
        yield server


def recordings(
    *, allowed: bool = True, private: bool = True, inspect_seconds: float = 60, **given: object
) -> RemoteRecordings:
    given |= {"url_imports": allowed, "url_imports_private": private, "min_free_disk": 0}
    return RemoteRecordings(lambda: settings.load(**given), inspect_seconds=inspect_seconds)


def test_a_recording_is_fetched_also_behind_a_redirect(server: FileServer, tmp_path: Path) -> None:
    fetched = recordings().fetch(server.url("/moved"), tmp_path / "file")
    assert (fetched.name, fetched.size_bytes) == ("a talk.wav", len(SOUND))
    assert (tmp_path / "file").read_bytes() == SOUND
    assert fetched.sha256 == hashlib.sha256(SOUND).hexdigest()


def test_nothing_is_fetched_unless_an_administrator_allows_it(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="URL_IMPORTS"):
        recordings(allowed=False).inspect(server.url("/moved"))
    with pytest.raises(InvalidRequest, match="private network"):
        recordings(private=False).fetch(server.url("/moved"), tmp_path / "file")
    named = RemoteRecordings(lambda: settings.load(url_imports=True), resolve=lambda *_: ["10.0.0.7"])
    with pytest.raises(InvalidRequest, match="private network"):
        named.inspect("https://recordings.example/talk.wav")
    assert server.requested == []


def test_a_redirect_into_a_private_network_is_refused(server: FileServer) -> None:
    private = chain([True, True], repeat(False))  # as if the first address were a public one
    checked = RemoteRecordings(lambda: settings.load(url_imports=True, url_imports_private=next(private)))
    with pytest.raises(InvalidRequest, match="private network"):
        checked.inspect(server.url("/moved"))
    assert server.requested == ["/moved"]


def test_the_episodes_of_a_podcast_are_listed(server: FileServer) -> None:
    server.files["/feed"] = ("application/rss+xml", feed("Talks", ("One &amp; two", server.url("/1.mp3"))))
    found = recordings().inspect(server.url("/feed")).feed
    assert found
    assert (found.title, found.episodes[0].title, found.episodes[0].url) == (
        "Talks", "One & two", server.url("/1.mp3"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        b"<?xml version='1.0'?><rss><channel/></rss>",
        b"<?xml",
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a/>',
    ],
)
def test_a_feed_that_is_none_is_refused(server: FileServer, content: bytes) -> None:
    server.files["/feed"] = ("text/xml", content)
    with pytest.raises(InvalidRequest, match=r"no recording|neither"):
        recordings().inspect(server.url("/feed"))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "begins with https"), ("https://", "begins with https"),
        ("http://ada:secret@127.0.0.1/a.wav", "no user name"), ("/gone.wav", "answers 404"),
        ("/page", "address of the recording itself"), ("/loop", "without an end"),
        ("http://nowhere.invalid/a", "reached"),
    ],
)  # fmt: skip
def test_what_cannot_be_fetched_is_refused_with_the_reason(
    server: FileServer, url: str, reason: str, tmp_path: Path
) -> None:
    server.files["/page"] = ("text/html", b"<html>")
    server.redirects["/loop"] = "/loop"
    with pytest.raises(ApplianceError, match=reason):
        recordings().fetch(server.url(url) if url.startswith("/") else url, tmp_path / "file")


def test_a_recording_larger_than_an_upload_may_be_is_not_stored(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        recordings(max_upload_size=2**16).fetch(server.url("/moved"), tmp_path / "file")


HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: audio/wav\r\n"


@pytest.mark.parametrize(
    "beginning", [b"", HEAD + b"X: ", HEAD + b"\r\n", HEAD + b"Content-Length: 900000\r\n\r\n<rss>"]
)
def test_a_server_that_sends_a_byte_at_a_time_holds_nothing_for_long(
    server: FileServer, beginning: bytes, tmp_path: Path
) -> None:
    server.dripping["/slow"] = beginning
    server.redirects["/to-slow"] = "/slow"
    with pytest.raises(InvalidRequest, match="took too long"):
        recordings(upload_seconds=0.3).fetch(server.url("/to-slow"), tmp_path / "file")


@pytest.mark.parametrize("beginning", [HEAD + b"X: ", HEAD + b"\r\n<rss>" + b"<channel/>" * 60])
def test_a_look_at_a_slow_server_ends(server: FileServer, beginning: bytes) -> None:
    server.dripping["/slow"] = beginning
    with pytest.raises(InvalidRequest, match="took too long"):
        recordings(inspect_seconds=0.3).inspect(server.url("/slow"))


ENTRY = """<entry><title>One</title><link rel="enclosure" href="{}"/>
<published>2026-11-29</published>{}</entry>"""


def test_the_episodes_of_an_atom_feed_are_its_own_entries(server: FileServer) -> None:
    nested = ENTRY.format("https://a.example/1", ENTRY.format("https://a.example/2", ""))
    text = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Talks</title>{nested}</feed>'
    server.files["/feed"] = ("application/atom+xml", text.encode())
    assert recordings().inspect(server.url("/feed")).feed == Feed(
        "Talks", (Episode("One", "https://a.example/1", "2026-11-29"),)
    )


def test_of_a_feed_no_more_is_read_than_is_shown() -> None:
    one = b'<item><enclosure url="https://a.example/1"/></item>'
    chunks = chain([b"<rss><channel>"], repeat(one))
    assert len(read_feed(chunks).episodes) == MOST_EPISODES
    for endless in (b"<a/>" * 1000, b"a" * 2**16):
        assert len(read_feed(chain([b"<rss><channel>", one], repeat(endless))).episodes) == 1
    with pytest.raises(InvalidRequest, match="neither"):
        read_feed(chain([b"<rss><channel>", one], repeat(b"<a>" * 1000)))
