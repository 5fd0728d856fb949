"""The decoder process: decodes one untrusted file to 16 kHz mono PCM with FFmpeg (PyAV) in a sandbox.

`decoder_process` starts it with an empty environment and a socket as standard input, over which both sides
send JSON. The child sends `ready`; receives its limits and two file descriptors, the source and an empty file
for samples; sends `opened` with the facts of the header; and at the end `ended` with the verdict. It never
blocks on a reader, because the samples go to the file, whose size is the progress. Messages for people are
made by the parent (`decode_errors`).
"""

import _thread
import errno
import io
import json
import math
import os
import socket
import wave
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import av
import av.subtitles.codeccontext
import av.subtitles.stream
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import Flags2
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from whisper_appliance.audio.cut_off import is_cut_off, lacks_index_or_sound
from whisper_appliance.audio.declared_end import latm_frame_bytes, mp2_frame_bytes, mp3_frame_bytes
from whisper_appliance.audio.formats import (
    CODECS,
    DEMUXERS,
    HEAD_BYTES,
    PROTECTED_MP4,
    MediaFormat,
    raw_format,
    unreadable_format,
)
from whisper_appliance.audio.joined_files import (
    MOST_SEARCHED_BYTES,
    FilePart,
    container_at,
    file_behind,
    first_file,
    is_of,
    parts,
)
from whisper_appliance.audio.resample import SAMPLE_BYTES, Resampler, UnsupportedSource, check_source
from whisper_appliance.audio.wav_header import read_rifx, read_wav_header
from whisper_appliance.core import memory, sandbox, seccomp
from whisper_appliance.core.audio_format import SAMPLE_RATE

WHITELISTS = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file", "codec_whitelist": CODECS}
_OWN_DESCRIPTORS = "/proc/self/fd/"
_PROTECTED_TAGS = {"drms", "drmi", "enca", "aavd"}
_UNTIMED = {"aac", "ac3", "amr", "dts", "eac3", "loas", "mp3"}
"""Streams of frames only: FFmpeg makes up their times, which go wrong where the rate changes."""
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
        if len(files) < 2:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        source, target = files
        return json.loads(message), source, target

    def _end_with_the_parent(self) -> None:
        # Not PR_SET_PDEATHSIG: that one fires when the parent's *thread* ends, as threads of a web server do.
        self._channel.recv(1)
        os._exit(0)


def open_source(fd: int, extension: str = "") -> tuple[InputContainer, int]:
    """The container, detected by content, and where it begins; the extension is a hint without a header.

    FFmpeg opens it by the path of the descriptor, so no file name of a user reaches FFmpeg.
    """
    raw = raw_format(extension, os.pread(fd, HEAD_BYTES, 0))
    start = 0 if raw else first_file(fd)
    try:
        return open_at(fd, start, raw), start
    except UnsupportedSource as unsupported:
        start = first_file(fd, MOST_SEARCHED_BYTES)
        if unsupported.code != "undecodable" or not start:
            raise
    return open_at(fd, start), start


def open_at(fd: int, start: int, raw: MediaFormat | None = None) -> InputContainer:
    """The container that begins at `start` and reaches to the end of the source."""
    if unreadable := unreadable_format(os.pread(fd, HEAD_BYTES, start)):
        raise UnsupportedSource("unreadable", unreadable.name)
    extra = {"format_whitelist": raw.demuxers[0], **dict(raw.options)} if raw else {}
    try:
        return open_part(fd, (start, os.fstat(fd).st_size), raw.demuxers[0] if raw else None, extra)
    except MemoryError:
        raise
    except (av.FFmpegError, ValueError, OSError) as error:
        raise UnsupportedSource("no_index" if lacks_index_or_sound(fd) else "undecodable") from error


def open_part(
    fd: int, part: tuple[int, int], demuxer: str | None, options: dict[str, str] | None = None
) -> InputContainer:
    """One file of those in the source, from start to stop in bytes. Raises what PyAV raises."""
    if rifx := read_rifx(fd, part[0]):
        part, demuxer = (rifx.start, min(rifx.stop, part[1])), rifx.demuxer
        options = {"format_whitelist": demuxer, **rifx.options}
    wav = read_wav_header(fd, part[0])
    is_whole = part == (0, os.fstat(fd).st_size) and not wav.patches and not wav.has_parts
    return av.open(
        f"{_OWN_DESCRIPTORS}{fd}"
        if is_whole
        else FilePart(fd, *part, wav.patches, is_seekable=not wav.has_parts),
        mode="r",
        format=demuxer,
        options={**WHITELISTS, **wav.options, **(options or {})},
        metadata_errors="replace",
    )


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
        if stream.index != chosen.index and stream not in films(container):
            stream.discard = Discard.all
    if is_protected(chosen):
        raise UnsupportedSource("unreadable", PROTECTED_MP4)
    if not chosen.codec_context or chosen.codec_context.name not in CODECS.split(","):
        raise UnsupportedSource("undecodable")
    if not chosen.rate and not chosen.channels:
        raise UnsupportedSource("no_audio")
    check_source(chosen.rate, chosen.channels)
    return chosen


def films(container: InputContainer) -> list[VideoStream]:
    """The video streams that are no covers. Their first packets are read, because sound may begin after them.

    FFmpeg guesses their start in some containers, because no codec of pictures is allowed.
    """
    return [one for one in container.streams.video if not is_cover(one)]


def is_cover(stream: VideoStream) -> bool:
    """Whether the picture of a video stream is a cover."""
    return Disposition.attached_pic in Disposition(stream.disposition)


def video_codec(container: InputContainer) -> str:
    """The codec of the first video stream that is not a cover picture; empty without one."""
    for stream in films(container):
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
    """What could not be decoded: places, seconds, and the time of the first one.

    `ends_incomplete`: the last packet was not whole, so the file ends early. `last_packet`: its first byte.
    """

    places: int = 0
    seconds: float = 0.0
    first_at_seconds: float | None = None
    ends_incomplete: bool = False
    last_packet: int | None = None

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
    before, is_untimed = resampler.seconds, container.format.name in _UNTIMED
    priming = wma_priming(stream)
    if priming:
        stream.codec_context.flags2 |= Flags2.skip_manual
    last: Packet[AudioStream] | None = None
    failed: Packet[AudioStream] | None = None
    for packet in packets(container, stream, resampler, damage):
        if not isinstance(packet.stream, AudioStream):
            begin = start_of_film(packet)
            origin = min(origin, begin) if last is None else origin
            continue
        last = packet if packet.size else last
        frames = decoded_frames(stream, packet, resampler, damage)
        if frames is None:
            failed = packet if packet.size else last
        for frame in frames or ():
            at_seconds = None if frame.time is None or is_untimed else frame.time - origin + before
            kept, priming = without_start(frame, priming) if priming else (frame, 0)
            if kept:
                resampler.feed(kept, at_seconds)
    damage.ends_incomplete = last is not None and (last is failed or is_incomplete(last))
    damage.last_packet = last.pos if last else None
    resampler.finish()


def decoded_frames(
    stream: AudioStream, packet: "Packet[AudioStream]", resampler: Resampler, damage: Damage
) -> "list[AudioFrame] | None":
    """The frames of a packet; None if it does not decode, which counts as damage."""
    try:
        return stream.decode(packet)
    except EOFError:
        return []
    except (av.FFmpegError, ValueError) as error:
        if isinstance(error, MemoryError):
            raise
        if packet.size == 1:  # padding, which some programs count as samples, as behind GSM in WAV
            return []
        damage.note(resampler.seconds, float((packet.duration or 0) * (packet.time_base or 0)))
        return None


def start_of_film(packet: "Packet[VideoStream]") -> float:
    """When a film begins, by its first packet; infinity if it does not say. Its other packets are left out.

    What precedes the time 0 is not shown, as in MP4 that was cut without encoding it anew.
    """
    packet.stream.discard = Discard.all
    return math.inf if packet.pts is None else max(0.0, float(packet.pts * packet.time_base))


def is_incomplete(packet: "Packet[AudioStream]") -> bool:
    """Whether the file ends within this packet. Any number of samples of PCM is whole."""
    codec = packet.stream.codec_context.name
    if codec.startswith("mp3"):
        return packet.size < mp3_frame_bytes(bytes(packet)[:4])
    if codec.startswith("mp2"):
        return packet.size < mp2_frame_bytes(bytes(packet)[:4])
    if codec == "aac_latm":
        return packet.size < latm_frame_bytes(bytes(packet)[:3])
    return packet.is_corrupt and not codec.startswith("pcm_")


def wma_priming(stream: AudioStream) -> int:
    """The samples that precede the sound in Windows Media Audio 1 and 2: one frame, as encoders write it.

    FFmpeg leaves out two, and the second has the first words of a recording that begins with them.
    """
    name, rate = stream.codec_context.name, stream.rate
    if name not in ("wmav1", "wmav2"):
        return 0
    if rate <= 16_000:
        return 512
    return 1024 if rate <= 22_050 or (rate <= 32_000 and name == "wmav1") else 2048


def without_start(frame: AudioFrame, samples: int) -> tuple[AudioFrame | None, int]:
    """The frame without its first samples, and how many of them are to be left out of the next frame."""
    if frame.samples <= samples:
        return None, samples - frame.samples
    fifo = AudioFifo()
    frame.pts = None
    fifo.write(frame)
    fifo.read(samples)
    return fifo.read(), 0


def decode_files(
    source: int,
    container: InputContainer,
    stream: AudioStream,
    found: list[tuple[int, int]],
    track: int | None,
    resampler: Resampler,
    damage: Damage,
) -> None:
    """Decodes the stream, or the chosen track of each file, if several were joined."""
    name = name_of(container, source, found[0][0])
    if len(found) > 1:
        container.close()
    else:
        decode(container, stream, resampler, damage)
        found = files_behind_flac(source, found[0], damage)
    decode_parts(source, name, found, track, resampler, damage)


def files_behind_flac(source: int, part: tuple[int, int], damage: Damage) -> list[tuple[int, int]]:
    """All files from the one on that FFmpeg took for the end of a FLAC, which does not say where it ends."""
    start, stop = part
    if damage.last_packet is None or not is_of(source, "flac", start):
        return []
    behind = file_behind(source, start + damage.last_packet)
    if behind is None or behind >= stop:
        return []
    return parts(source, container_at(source, behind), behind)


def name_of(container: InputContainer, source: int, start: int) -> str:
    """FFmpeg's name of the container; samples of a RIFX are read without it."""
    return "wav" if read_rifx(source, start) else container.format.name


def decode_parts(
    source: int,
    container_name: str,
    found: list[tuple[int, int]],
    track: int | None,
    resampler: Resampler,
    damage: Damage,
) -> None:
    """Decodes files that were joined one after the other, each with a header, of one format or several."""
    left = deque(found)
    while left:
        part = left.popleft()
        damage.last_packet = None
        demuxer = container_name.partition(",")[0] if is_of(source, container_name, part[0]) else None
        try:
            with open_part(source, part, demuxer) as container:
                decode(container, choose_audio(container, track), resampler, damage)
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError):
            damage.note(resampler.seconds, 0.0)
        except UnsupportedSource as unsupported:
            if unsupported.code not in ("undecodable", "no_audio", "track"):
                raise
            damage.note(resampler.seconds, 0.0)
        left = deque(files_behind_flac(source, part, damage)) or left


def packets(
    container: InputContainer, stream: AudioStream, resampler: Resampler, damage: Damage
) -> "Iterator[Packet[Any]]":
    """All readable packets of the sound, and the first of films; continues after an unreadable place."""
    failures = 0
    while failures <= MAX_FAILED_READS:
        try:
            for packet in container.demux(stream, *films(container)):
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
    try:
        job, source, target = channel.read_job()
    except OSError as error:
        channel.send("ended", verdict="machine", detail=error.strerror)
        return
    file_bytes = round(job["max_seconds"] * SAMPLE_RATE + SAMPLE_RATE) * SAMPLE_BYTES["flt"]
    confined = enter_job(job, source, file_bytes)
    resampler, damage = Resampler(target, job["max_seconds"], channel=job.get("channel")), Damage()
    verdict, detail, cut_off = "done", "", False
    try:
        last = decode_source(channel, job, source, resampler, damage)
        cut_off = last is not None and is_cut_off(source, *last)
    except UnsupportedSource as unsupported:
        verdict, detail = unsupported.code, unsupported.detail
    except MemoryError:
        verdict = "limit"
    except OSError as error:
        if isinstance(error, av.FFmpegError):  # it names errors of the system for damaged files too
            raise
        verdict, detail = "machine", error.strerror or ""
    channel.send(
        "ended",
        **confined,
        verdict=verdict,
        detail=detail,
        samples=resampler.samples,
        cut_off=cut_off or damage.ends_incomplete,
        lost_places=damage.places,
        lost_seconds=damage.seconds,
        lost_at_seconds=damage.first_at_seconds,
    )


def decode_source(
    channel: ParentChannel, job: dict[str, Any], source: int, resampler: Resampler, damage: Damage
) -> tuple[str, int] | None:
    """Opens the source, sends its header, and decodes the chosen track of each file in it.

    Returns the container's name, and where the last file begins, if that is of this container too.
    """
    container, start = open_source(source, job.get("extension", ""))
    stream = choose_audio(container, job.get("track"))
    tracks, container_name = container.streams.audio, name_of(container, source, start)
    found = parts(source, container_name, start)
    channel.send(
        "opened",
        container=container_name,
        codec=stream.codec_context.name,
        rate=stream.rate,
        channels=stream.channels,
        seconds=header_duration_seconds(container, stream) if len(found) < 2 else None,
        track=tracks.index(stream) + 1,
        tracks=len(tracks),
        track_language=stream.language or "",
        video_codec=video_codec(container),
        is_plain=len(found) == 1 and container.name.startswith(_OWN_DESCRIPTORS),
    )
    decode_files(source, container, stream, found, job.get("track"), resampler, damage)
    last = found[-1][0]
    return (container_name, last) if len(found) == 1 or is_of(source, container_name, last) else None


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


def enter_sandbox() -> dict[str, object]:
    """Gives up new privileges, network and capabilities; returns which of that this machine allows."""
    seccomp.is_available()  # loads libseccomp, which Landlock forbids later
    return {
        "unprivileged": sandbox.set_no_new_privs(),
        "own_network": sandbox.unshare_network(),
        "no_capabilities": sandbox.drop_capabilities(),
    }


def enter_job(job: dict[str, Any], source: int, file_bytes: int) -> dict[str, bool]:
    """Limits the process to its job: time, memory, what it may write, and the source as the only file.

    Returns which layers of the sandbox hold from now on.
    """
    sandbox.set_rlimits(
        memory_bytes=job["memory_bytes"],
        cpu_seconds=job["cpu_seconds"],
        wall_seconds=job["wall_seconds"],
        file_bytes=file_bytes,
    )
    return {
        "landlocked": sandbox.landlock_allow_only(source),
        "filtered": seccomp.allow_only_decoding(),
    }


def run_once(
    write: Callable[[dict[str, Any], int, int], str], file_bytes: Callable[[dict[str, Any]], int]
) -> NoReturn:
    """Sandboxes the process, sends `ready`, and the verdict of one job, which writes another file.

    `write` gets the job, the source and the target. The target may have `file_bytes(job)` at most.
    """
    channel = ParentChannel(socket.socket(fileno=0))
    enter_sandbox()
    channel.send("ready")
    job, source, target = channel.read_job()
    enter_job(job, source, file_bytes(job))
    channel.send("ended", verdict=write(job, source, target))
    os._exit(0)


def main() -> None:
    """Sandboxes the process, sends `ready`, and runs one job."""
    memory.limit_malloc_arenas(1)
    warm_up()
    channel = ParentChannel(socket.socket(fileno=0))
    channel.send("ready", **enter_sandbox())
    run_job(channel)
    os._exit(0)  # nothing to clean up, and the interpreter takes milliseconds to exit
