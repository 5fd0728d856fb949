"""Feeds of podcasts (RSS 2.0, Atom): their episodes that have a recording."""

from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree

from whisper_appliance.core.errors import InvalidRequest

MOST_EPISODES = 300
MOST_ELEMENTS = 50_000
MOST_DEPTH = 64
MAX_FEED_BYTES = 4 * 2**20
_ATOM = "{http://www.w3.org/2005/Atom}"
_EPISODES = (["channel", "item"], [f"{_ATOM}entry"])
_TITLES = (["channel", "title"], [f"{_ATOM}title"])
_FIELDS = {
    "title": "title",
    "pubDate": "published",
    f"{_ATOM}title": "title",
    f"{_ATOM}published": "published",
}


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


def read_feed(chunks: Iterable[bytes]) -> Feed:
    """The first episodes of a feed; the rest is not read.

    Raises `InvalidRequest` if it is none, or has none.
    """
    found, size = _FeedReader(), 0
    parser = ElementTree.XMLParser(target=found)  # noqa: S314 - `doctype` refuses entities
    try:
        for chunk in chunks:
            parser.feed(chunk)
            size += len(chunk)
            if found.is_full or size >= MAX_FEED_BYTES:
                break
        else:
            parser.close()
    except ElementTree.ParseError:
        raise _no_feed() from None
    if not found.episodes:
        raise InvalidRequest("There is no recording in this feed.", field="url")
    return Feed(found.title, tuple(found.episodes[:MOST_EPISODES]))


class _FeedReader:
    """What a parser calls: it keeps the episodes and no tree, which would be far larger than the feed."""

    def __init__(self) -> None:
        self.title = ""
        self.episodes: list[Episode] = []
        self._elements = 0
        self._path: list[str] = []
        self._text: list[str] = []
        self._fields: dict[str, str] = {}
        self._urls: list[str] = []

    @property
    def is_full(self) -> bool:
        """Whether the rest of the feed need not be read."""
        return len(self.episodes) >= MOST_EPISODES or self._elements >= MOST_ELEMENTS

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        """No feed needs one, and its entities can grow."""
        raise _no_feed()

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._elements += 1
        if len(self._path) >= MOST_DEPTH:
            raise _no_feed()
        if self._path[1:] in _EPISODES:
            is_link = tag == f"{_ATOM}link" and attributes.get("rel") == "enclosure"
            url = attributes.get("href") if is_link else attributes.get("url") if tag == "enclosure" else None
            self._urls += [url] if url else []
        self._path.append(tag)
        self._text = []

    def data(self, text: str) -> None:
        """Text of the element."""
        self._text.append(text)

    def end(self, tag: str) -> None:
        """An element ends."""
        text, path = "".join(self._text).strip(), self._path[1:]
        self._path.pop()
        if path[:-1] in _EPISODES and tag in _FIELDS:
            self._fields.setdefault(_FIELDS[tag], text)
        elif path in _TITLES:
            self.title = self.title or text
        elif path in _EPISODES:
            title, published = self._fields.get("title"), self._fields.get("published", "")
            self.episodes += (Episode(title or url, url, published) for url in self._urls)
            self._fields, self._urls = {}, []


def _no_feed() -> InvalidRequest:
    return InvalidRequest("This address is neither a recording nor the feed of a podcast.", field="url")
