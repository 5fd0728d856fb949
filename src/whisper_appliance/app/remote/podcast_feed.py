"""Feeds of podcasts (RSS 2.0, Atom): their episodes that have a recording."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from whisper_appliance.core.errors import InvalidRequest

MOST_EPISODES = 300
_ATOM = "{http://www.w3.org/2005/Atom}"


@dataclass(frozen=True, slots=True)
class Episode:
    """A recording of a feed. `published` is as the feed writes it."""

    title: str
    url: str
    published: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """A podcast, the newest episodes first, as feeds have them."""

    title: str
    episodes: tuple[Episode, ...]


def is_feed(head: bytes) -> bool:
    """Whether a file that begins so may be a feed."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<?xml", b"<rss", b"<feed"))


def read_feed(content: bytes) -> Feed:
    """The episodes of a feed. Raises `InvalidRequest` if it is none, or has none."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:  # no feed needs them, and entities can grow
        raise _no_feed()
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 - without entities, which are refused above
    except ElementTree.ParseError:
        raise _no_feed() from None
    found = tuple(list(_episodes(root))[:MOST_EPISODES])
    if not found:
        raise InvalidRequest("There is no recording in this feed.", field="url")
    title = root.findtext("channel/title") or root.findtext(f"{_ATOM}title") or ""
    return Feed(title.strip(), found)


def _episodes(root: ElementTree.Element) -> Iterator[Episode]:
    for item in root.iter("item"):
        enclosure = item.find("enclosure")
        if enclosure is not None and (url := enclosure.get("url")):
            yield Episode(
                (item.findtext("title") or url).strip(), url, (item.findtext("pubDate") or "").strip()
            )
    for entry in root.iter(f"{_ATOM}entry"):
        for link in entry.iter(f"{_ATOM}link"):
            if link.get("rel") == "enclosure" and (url := link.get("href")):
                title = entry.findtext(f"{_ATOM}title") or url
                yield Episode(title.strip(), url, (entry.findtext(f"{_ATOM}published") or "").strip())


def _no_feed() -> InvalidRequest:
    return InvalidRequest("This address is neither a recording nor the feed of a podcast.", field="url")
