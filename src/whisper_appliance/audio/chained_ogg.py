"""Chained Ogg: finds the recordings that follow each other in one Ogg file (RFC 3533, section 4)."""

import os
from collections import deque
from collections.abc import Iterator

_HEADER_BYTES = 27
_BEGINS, _ENDS = 2, 4
_CAPTURE = b"OggS"
_READ_BYTES = 64 * 1024


def links(fd: int, start: int = 0) -> list[tuple[int, int]]:
    """Start and stop in bytes of each link of the chain, which begins at `start`.

    One link is an ordinary file, none is no Ogg.
    """
    starts, ordinary = [], True
    for offset, flags, _ in _pages(fd, start):
        begins = flags & _BEGINS
        if begins and ordinary:
            starts.append(offset)
        ordinary = not begins
    return list(zip(starts, [*starts[1:], os.fstat(fd).st_size], strict=True)) if starts else []


def ends_well(fd: int, start: int = 0) -> bool:
    """Whether the last page is complete and ends a logical stream."""
    _, flags, stop = next(iter(deque(_pages(fd, start), maxlen=1)), (0, 0, 0))
    return bool(flags & _ENDS) and stop <= os.fstat(fd).st_size


def _pages(fd: int, start: int) -> Iterator[tuple[int, int, int]]:
    """Offset, flags and end of each page; skips what is no page."""
    offset = start
    while len(header := os.pread(fd, _HEADER_BYTES + 255, offset)) >= _HEADER_BYTES:
        if not header.startswith(_CAPTURE):
            if offset == start:
                return
            found = _next_page(fd, offset + 1)
            if found is None:
                return
            offset = found
            continue
        lacing = header[_HEADER_BYTES : _HEADER_BYTES + header[26]]
        stop = offset + _HEADER_BYTES + header[26] + sum(lacing)
        yield offset, header[5], stop
        offset = stop


def _next_page(fd: int, offset: int) -> int | None:
    while data := os.pread(fd, _READ_BYTES, offset):
        at = data.find(_CAPTURE)
        if at >= 0:
            return offset + at
        offset += max(1, len(data) - len(_CAPTURE) + 1)
    return None
