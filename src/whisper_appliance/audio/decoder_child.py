"""The decoder process: decodes one untrusted file to 16 kHz mono PCM with FFmpeg (PyAV) in a sandbox.

`decoder_process` starts it with an empty environment and a socket as standard input, over which both sides
send JSON. The child sends `ready`; receives its limits and two file descriptors, the source and an empty file
for samples; sends `opened` with the facts of the header; and at the end `ended` with the verdict. It never
blocks on a reader, because the samples go to the file, whose size is the progress. Messages for people are
made by the parent (`decode_errors`).
"""

import _thread
import io
import json
import os
import socket
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av
import av.subtitles.codeccontext
import av.subtitles.stream
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition

from whisper_appliance.audio.chained_ogg import FilePart, links
from whisper_appliance.audio.cut_off import is_cut_off
from whisper_appliance.audio.formats import (
    CODECS,
    DEMUXERS,
    HEAD_BYTES,
    PROTECTED_MP4,
    raw_format,
    unreadable_format,
)
from whisper_appliance.audio.resample import SAMPLE_BYTES, Resampler, UnsupportedSource, check_source
from whisper_appliance.core import memory, sandbox, seccomp
from whisper_appliance.core.audio_format import SAMPLE_RATE

WHITELISTS = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file", "codec_whitelist": CODECS}
_PROTECTED_TAGS = {"drms", "drmi", "enca", "aavd"}
MAX_FAILED_READS = 200


class ParentChannel:
    """The child's end of the socket to the parent."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel

    def send(self, kind: str, **facts: object) -> None:
        """Sends one message. There are only three, so the socket's buffer always has room."""
        self._channel.send(json.dumps({"kind": kind, **facts}).encode())

    def read_job(self) -> tuple[dict[str, Any], int, int]:
        """Waits for the job: limits, source and target."""
        message, files, _, _ = socket.recv_fds(self._channel, 65536, 2)
        if not message:
            os._exit(0)
        _thread.start_new_thread(self._end_with_the_parent, ())
        source, target = files
        return json.loads(message), source, target

    def _end_with_the_parent(self) -> None:
        # Not PR_SET_PDEATHSIG: that one fires when the parent's *thread* ends, as threads of a web server do.
        self._channel.recv(1)
        os._exit(0)


def open_source(fd: int, extension: str = "") -> InputContainer:
    """The container, detected by content; the extension is a hint where the content has no header.

    FFmpeg opens it by the path of the descriptor, so no file name of a user reaches FFmpeg.
    """
    head = os.pread(fd, HEAD_BYTES, 0)
    if unreadable := unreadable_format(head):
        raise UnsupportedSource("unreadable", unreadable.name)
    raw = raw_format(extension, head)
    raw_options = {"format_whitelist": raw.demuxers[0], **dict(raw.options)} if raw else {}
    try:
        return av.open(
            f"/proc/self/fd/{fd}",
            mode="r",
            format=raw.demuxers[0] if raw else None,
            options={**WHITELISTS, **raw_options},
            metadata_errors="replace",
        )
    except MemoryError:
        raise
    except (av.FFmpegError, ValueError, OSError) as error:
        raise UnsupportedSource("undecodable") from error


def choose_audio(container: InputContainer, track: int | None = None) -> AudioStream:
    """The audio stream of that number, from 1; otherwise the default or else the first one.

    It is checked, and all other streams are discarded.
    """
    tracks = container.streams.audio
    if not tracks:
        raise UnsupportedSource("no_audio")
    if track is not None and track > len(tracks):
        raise UnsupportedSource("track", str(len(tracks)))
    default = next((one for one in tracks if Disposition.default in Disposition(one.disposition)), tracks[0])
    chosen = default if track is None else tracks[track - 1]
    for stream in container.streams:
        if stream.index != chosen.index:
            stream.discard = Discard.all
    if is_protected(chosen):
        raise UnsupportedSource("unreadable", PROTECTED_MP4)
    if not chosen.codec_context or chosen.codec_context.name not in CODECS.split(","):
        raise UnsupportedSource("undecodable")
    if not chosen.rate and not chosen.channels:
        raise UnsupportedSource("no_audio")
    check_source(chosen.rate, chosen.channels)
    return chosen


def video_codec(container: InputContainer) -> str:
    """The codec of the first video stream that is not a cover picture; empty without one."""
    for stream in container.streams.video:
        if Disposition.attached_pic not in Disposition(stream.disposition):
            return stream.codec_context.name if stream.codec_context else "unknown"
    return ""


def is_protected(stream: AudioStream) -> bool:
    """Whether a track of an MP4 is encrypted."""
    try:
        return stream.codec_tag in _PROTECTED_TAGS
    except UnicodeDecodeError:  # a number as in WAV, which PyAV cannot give
        return False


def header_duration_seconds(container: InputContainer, stream: AudioStream) -> float | None:
    """The duration in the header, which may be wrong."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1_000_000 if container.duration else None


@dataclass
class Damage:
    """What could not be decoded: places, seconds, and the time of the first one."""

    places: int = 0
    seconds: float = 0.0
    first_at_seconds: float | None = None

    def note(self, at_seconds: float, lost_seconds: float) -> None:
        """Counts one more lost place; `lost_seconds` is 0 if its length is unknown."""
        self.places += 1
        self.seconds += lost_seconds
        if self.first_at_seconds is None:
            self.first_at_seconds = at_seconds


def decode(container: InputContainer, stream: AudioStream, resampler: Resampler, damage: Damage) -> None:
    """Feeds every frame that decodes to the resampler; skips the others and counts them as damage.

    Times of the container count from what the resampler has already.
    """
    origin = container.start_time / 1_000_000 if container.start_time is not None else 0.0
    origin -= resampler.seconds
    for packet in packets(container, stream, resampler, damage):
        try:
            frames = stream.decode(packet)
        except EOFError:
            continue
        except (av.FFmpegError, ValueError) as error:
            if isinstance(error, MemoryError):
                raise
            damage.note(resampler.seconds, float((packet.duration or 0) * (packet.time_base or 0)))
            continue
        for frame in frames:
            resampler.feed(frame, None if frame.time is None else frame.time - origin)
    resampler.finish()


def decode_links(
    source: int, chain: list[tuple[int, int]], track: int | None, resampler: Resampler, damage: Damage
) -> None:
    """Decodes the links of a chained Ogg file one after the other, because each has a header of its own."""
    for link in chain:
        try:
            with av.open(
                FilePart(source, *link), mode="r", format="ogg", options=WHITELISTS, metadata_errors="replace"
            ) as container:
                decode(container, choose_audio(container, track), resampler, damage)
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError):
            damage.note(resampler.seconds, 0.0)
        except UnsupportedSource as unsupported:
            if unsupported.code not in ("undecodable", "no_audio", "track"):
                raise
            damage.note(resampler.seconds, 0.0)


def packets(
    container: InputContainer, stream: AudioStream, resampler: Resampler, damage: Damage
) -> "Iterator[Packet[AudioStream]]":
    """All readable packets; continues after an unreadable place."""
    failures = 0
    while failures <= MAX_FAILED_READS:
        try:
            for packet in container.demux(stream):
                failures = 0
                yield packet
        except (av.FFmpegError, ValueError) as error:
            if isinstance(error, MemoryError):
                raise
            failures += 1
            damage.note(resampler.seconds, 0.0)
        else:
            return


def run_job(channel: ParentChannel) -> None:
    """Runs one job: limits, Landlock, decoding, and the verdict."""
    job, source, target = channel.read_job()
    sandbox.set_rlimits(
        memory_bytes=job["memory_bytes"],
        cpu_seconds=job["cpu_seconds"],
        wall_seconds=job["wall_seconds"],
        file_bytes=round(job["max_seconds"] * SAMPLE_RATE + SAMPLE_RATE) * SAMPLE_BYTES["flt"],
    )
    sandbox.landlock_allow_only(source)
    seccomp.allow_only_decoding()
    resampler, damage = Resampler(target, job["max_seconds"], channel=job.get("channel")), Damage()
    verdict, detail, cut_off = "done", "", False
    try:
        cut_off = is_cut_off(source, decode_source(channel, job, source, resampler, damage))
    except UnsupportedSource as unsupported:
        verdict, detail = unsupported.code, unsupported.detail
    except MemoryError:
        verdict = "limit"
    channel.send(
        "ended",
        verdict=verdict,
        detail=detail,
        samples=resampler.samples,
        cut_off=cut_off,
        lost_places=damage.places,
        lost_seconds=damage.seconds,
        lost_at_seconds=damage.first_at_seconds,
    )


def decode_source(
    channel: ParentChannel, job: dict[str, Any], source: int, resampler: Resampler, damage: Damage
) -> str:
    """Opens the source, sends its header, and decodes the chosen track; returns the container's name."""
    container = open_source(source, job.get("extension", ""))
    stream = choose_audio(container, job.get("track"))
    chain = links(source) if container.format.name == "ogg" else []
    tracks, container_name = container.streams.audio, container.format.name
    channel.send(
        "opened",
        container=container_name,
        codec=stream.codec_context.name,
        rate=stream.rate,
        channels=stream.channels,
        seconds=header_duration_seconds(container, stream) if len(chain) < 2 else None,
        track=tracks.index(stream) + 1,
        tracks=len(tracks),
        track_language=stream.language or "",
        video_codec=video_codec(container),
        chained=len(chain) > 1,
    )
    if len(chain) > 1:
        container.close()
        decode_links(source, chain, job.get("track"), resampler, damage)
    else:
        decode(container, stream, resampler, damage)
    return container_name


def warm_up() -> None:
    """Decodes a little silence, because PyAV loads files lazily and Landlock forbids that later."""
    silence = io.BytesIO()
    with wave.open(silence, "wb") as writer:
        writer.setparams((2, 2, 48_000, 0, "NONE", ""))
        writer.writeframes(bytes(4 * 1024))
    silence.seek(0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with av.open(silence, mode="r", format="wav") as container:
        decode(container, choose_audio(container), Resampler(nowhere, max_seconds=1), Damage())
    os.close(nowhere)


def main() -> None:
    """Sandboxes the process, sends `ready`, and runs one job."""
    memory.limit_malloc_arenas(1)
    warm_up()
    channel = ParentChannel(socket.socket(fileno=0))
    unprivileged = sandbox.set_no_new_privs()
    own_network = sandbox.unshare_network()
    no_capabilities = sandbox.drop_capabilities()
    channel.send(
        "ready",
        unprivileged=unprivileged,
        own_network=own_network,
        no_capabilities=no_capabilities,
        landlock=sandbox.landlock_version(),
        seccomp=seccomp.is_available(),
    )
    run_job(channel)
    os._exit(0)  # nothing to clean up, and the interpreter takes milliseconds to exit
