"""The muxer process: copies one untrusted film into Matroska, beside subtitles that can be switched off.

It is started as `opus_encoder` is, in the same sandbox, and sends `ready` and `ended`. Nothing is decoded. At
first, the target holds the subtitles (SubRip), because they may be longer than a message of the socket.
"""

import io
import os
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from whisper_appliance.audio.decoder_child import films, open_source, run_once
from whisper_appliance.audio.resample import UnsupportedSource
from whisper_appliance.core import memory


def read_whole(fd: int) -> bytes:
    """The content of an open file, which is empty afterwards."""
    content = os.pread(fd, os.fstat(fd).st_size, 0)
    os.ftruncate(fd, 0)
    os.lseek(fd, 0, os.SEEK_SET)
    return content


def lines_of(words: InputContainer, begin_seconds: float) -> "Iterator[Packet[Any]]":
    """The subtitles, later by when the film begins."""
    for packet in words.demux(words.streams.subtitles[0]):
        if packet.pts is not None:
            packet.pts += round(begin_seconds / float(packet.time_base or 1))
            packet.dts = packet.pts
            yield packet


def copy(source: InputContainer, tracks: list[Stream], words: InputContainer, film: OutputContainer) -> None:
    """Writes the packets of all tracks, and each subtitle before the first packet that is later."""
    made = {track.index: film.add_stream_from_template(track, opaque=True) for track in tracks}
    shown = film.add_stream_from_template(words.streams.subtitles[0], opaque=True)
    lines = deque(lines_of(words, (source.start_time or 0) / 1_000_000))
    for packet in with_decoding_times(source.demux(*tracks)):
        while lines and seconds_of(lines[0]) <= seconds_of(packet):
            write(film, lines.popleft(), shown)
        write(film, packet, made[packet.stream.index])
    for line in lines:
        write(film, line, shown)


def with_decoding_times(packets: "Iterable[Packet[Any]]") -> "Iterator[Packet[Any]]":
    """All packets, each with a dts. FFmpeg knows none of the first packets of H.264 in Matroska.

    Such a packet has that of the one before it in its stream, which may be equal, or else its pts. Raises
    `ValueError` if it has none.
    """
    last: dict[int, int] = {}
    for packet in packets:
        if not packet.size:  # the end of a stream
            continue
        if packet.dts is None:
            packet.dts = last.get(packet.stream.index, packet.pts)
        if packet.dts is None:
            raise ValueError("a packet without a time")
        last[packet.stream.index] = packet.dts
        yield packet


def seconds_of(packet: "Packet[Any]") -> float:
    """When a packet is decoded."""
    return float((packet.dts or 0) * (packet.time_base or 0))


def write(film: OutputContainer, packet: "Packet[Any]", stream: Stream) -> None:
    """Writes a packet of another file as one of this stream."""
    packet.stream = stream
    film.mux(packet)


def mux(source: int, target: int) -> str:
    """Makes the film with subtitles; returns the verdict."""
    subtitles = read_whole(target)
    try:
        container, _ = open_source(source)
        pictures = films(container)
        if not pictures:
            return "no_pictures"
        tracks = [*pictures, *(one for one in container.streams.audio if one.codec_context)]
        with (
            av.open(io.BytesIO(subtitles), "r", format="srt") as words,
            os.fdopen(os.dup(target), "wb") as file,
            av.open(file, "w", format="matroska") as film,
        ):
            copy(container, tracks, words, film)
    except UnsupportedSource as unsupported:
        return unsupported.code
    except MemoryError:
        return "limit"
    except (av.FFmpegError, ValueError, OSError):
        return "not_copied"
    return "done"


def main() -> None:
    """Makes one film."""
    memory.limit_malloc_arenas(1)
    run_once(lambda _job, source, target: mux(source, target), lambda job: int(job["most_bytes"]))
