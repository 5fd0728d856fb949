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
from av.stream import Discard

from whisper_appliance.audio.resample import BYTES_A_SAMPLE, Resampler, UnsupportedSource, check_source
from whisper_appliance.core import memory, sandbox
from whisper_appliance.core.audio_format import SAMPLE_RATE

FORMATS = "wav,w64,aiff,flac,mp3,aac,amr,ogg,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,caf"
CODECS = (
    "aac,aac_fixed,aac_latm,ac3,eac3,alac,amrnb,amrwb,dca,flac,gsm,gsm_ms,ilbc,mlp,mp1,mp1float,mp2,mp2float,"
    "mp3,mp3float,opus,speex,truehd,vorbis,wavpack,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,pcm_alaw,pcm_mulaw,"
    "pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_s64le,pcm_s64be,"
    "pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be"
)
WHITELISTS = {"format_whitelist": FORMATS, "protocol_whitelist": "file", "codec_whitelist": CODECS}
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


def open_source(fd: int) -> InputContainer:
    """The container, detected by content.

    FFmpeg opens it by the path of the descriptor, so no file name of a user reaches FFmpeg.
    """
    try:
        return av.open(f"/proc/self/fd/{fd}", mode="r", options=WHITELISTS, metadata_errors="replace")
    except MemoryError:
        raise
    except (av.FFmpegError, ValueError, OSError) as error:
        raise UnsupportedSource("undecodable") from error


def first_audio(container: InputContainer) -> AudioStream:
    """The first audio stream, checked; all other streams are discarded."""
    if not container.streams.audio:
        raise UnsupportedSource("no_audio")
    chosen = container.streams.audio[0]
    for stream in container.streams:
        if stream.index != chosen.index:
            stream.discard = Discard.all
    if not chosen.codec_context or chosen.codec_context.name not in CODECS.split(","):
        raise UnsupportedSource("undecodable")
    if not chosen.rate and not chosen.channels:
        raise UnsupportedSource("no_audio")
    check_source(chosen.rate, chosen.channels)
    return chosen


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
    """Feeds every frame that decodes to the resampler; skips the others and counts them as damage."""
    origin = container.start_time / 1_000_000 if container.start_time is not None else 0.0
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
        file_bytes=round(job["max_seconds"] * SAMPLE_RATE + SAMPLE_RATE) * BYTES_A_SAMPLE,
    )
    sandbox.landlock_allow_only(source)
    resampler, damage, header_seconds = Resampler(target, job["max_seconds"]), Damage(), None
    try:
        container = open_source(source)
        stream = first_audio(container)
        header_seconds = header_duration_seconds(container, stream)
        channel.send(
            "opened",
            container=container.format.name,
            codec=stream.codec_context.name,
            rate=stream.rate,
            channels=stream.channels,
            seconds=header_seconds,
        )
        decode(container, stream, resampler, damage)
        verdict = "done"
    except UnsupportedSource as unsupported:
        verdict = unsupported.code
    except MemoryError:
        verdict = "limit"
    channel.send(
        "ended",
        verdict=verdict,
        samples=resampler.samples,
        lost_places=damage.places,
        lost_seconds=damage.seconds,
        lost_at_seconds=damage.first_at_seconds,
    )


def warm_up() -> None:
    """Decodes a little silence, because PyAV loads files lazily and Landlock forbids that later."""
    silence = io.BytesIO()
    with wave.open(silence, "wb") as writer:
        writer.setparams((2, BYTES_A_SAMPLE, 48_000, 0, "NONE", ""))
        writer.writeframes(bytes(4 * 1024))
    silence.seek(0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with av.open(silence, mode="r", format="wav") as container:
        decode(container, first_audio(container), Resampler(nowhere, max_seconds=1), Damage())
    os.close(nowhere)


def main() -> None:
    """Sandboxes the process, sends `ready`, and runs one job."""
    memory.limit_malloc_arenas(1)
    warm_up()
    channel = ParentChannel(socket.socket(fileno=0))
    unprivileged = sandbox.set_no_new_privs()
    own_network = sandbox.unshare_network()
    channel.send(
        "ready", unprivileged=unprivileged, own_network=own_network, landlock=sandbox.landlock_version()
    )
    run_job(channel)
    os._exit(0)  # nothing to clean up, and the interpreter takes milliseconds to exit
