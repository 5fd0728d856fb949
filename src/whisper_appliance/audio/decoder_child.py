"""The program that turns a stranger's file into 16 kHz mono PCM: one file, then it ends.

It is started by `decoder_process` with an empty environment and one socket as its standard input, and speaks
JSON over it. It says `ready`; gets its limits with two open files, the source and an empty one for samples;
says what the header promises (`opened`); and at last how it `ended`. It never waits for a reader: the samples
go to the file, whose size is its progress. No words for people are made here.
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

from whisper_appliance.audio.resample import BYTES_A_SAMPLE, Mixdown, Refused, check_source
from whisper_appliance.core import sandbox
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


class Report:
    """The decoder's side of the socket."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel

    def say(self, kind: str, **facts: object) -> None:
        """Sends one message. There are three in a life, so the socket's buffer always has room."""
        self._channel.send(json.dumps({"kind": kind, **facts}).encode())

    def order(self) -> tuple[dict[str, Any], int, int]:
        """Waits for the limits, the source and the target."""
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
    """The container, whatever its name: by content, by path, from this one file.

    The path is the descriptor's own, so no name of a user ever reaches FFmpeg.
    """
    try:
        return av.open(f"/proc/self/fd/{fd}", mode="r", options=WHITELISTS, metadata_errors="replace")
    except MemoryError:
        raise
    except (av.FFmpegError, ValueError, OSError) as error:
        raise Refused("undecodable") from error


def first_audio(container: InputContainer) -> AudioStream:
    """The first audio stream, checked; the others are not even read."""
    if not container.streams.audio:
        raise Refused("no_audio")
    chosen = container.streams.audio[0]
    for stream in container.streams:
        if stream.index != chosen.index:
            stream.discard = Discard.all
    if not chosen.codec_context or chosen.codec_context.name not in CODECS.split(","):
        raise Refused("undecodable")
    if not chosen.rate and not chosen.channels:
        raise Refused("no_audio")
    check_source(chosen.rate, chosen.channels)
    return chosen


def promised_seconds(container: InputContainer, stream: AudioStream) -> float | None:
    """The length that the header claims, which may be a lie."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1_000_000 if container.duration else None


@dataclass
class Damage:
    """What could not be read: how much, and how much had been good before the first time."""

    places: int = 0
    seconds: float = 0.0
    first_at_seconds: float | None = None

    def note(self, at_seconds: float, lost_seconds: float) -> None:
        """One more piece is lost; 0 seconds if nobody knows how long it was."""
        self.places += 1
        self.seconds += lost_seconds
        if self.first_at_seconds is None:
            self.first_at_seconds = at_seconds


def decode(container: InputContainer, stream: AudioStream, mixdown: Mixdown, damage: Damage) -> None:
    """Feeds every frame that can be read; what cannot is noted and left out, and the next one is tried."""
    origin = container.start_time / 1_000_000 if container.start_time is not None else 0.0
    for packet in packets(container, stream, mixdown, damage):
        try:
            frames = stream.decode(packet)
        except EOFError:
            continue
        except (av.FFmpegError, ValueError) as error:
            if isinstance(error, MemoryError):
                raise
            damage.note(mixdown.seconds, float((packet.duration or 0) * (packet.time_base or 0)))
            continue
        for frame in frames:
            mixdown.feed(frame, None if frame.time is None else frame.time - origin)
    mixdown.finish()


def packets(
    container: InputContainer, stream: AudioStream, mixdown: Mixdown, damage: Damage
) -> "Iterator[Packet[AudioStream]]":
    """Every packet that can be found; after an unreadable place the reading goes on."""
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
            damage.note(mixdown.seconds, 0.0)
        else:
            return


def work(report: Report) -> None:
    """One order from its arrival to its end."""
    order, source, target = report.order()
    sandbox.limit(
        memory_bytes=order["memory_bytes"],
        cpu_seconds=order["cpu_seconds"],
        wall_seconds=order["wall_seconds"],
        file_bytes=round(order["max_seconds"] * SAMPLE_RATE + SAMPLE_RATE) * BYTES_A_SAMPLE,
    )
    sandbox.open_nothing_but(source)
    mixdown, damage, promised = Mixdown(target, order["max_seconds"]), Damage(), None
    try:
        container = open_source(source)
        stream = first_audio(container)
        promised = promised_seconds(container, stream)
        report.say(
            "opened",
            container=container.format.name,
            codec=stream.codec_context.name,
            rate=stream.rate,
            channels=stream.channels,
            seconds=promised,
        )
        decode(container, stream, mixdown, damage)
        verdict = "done"
    except Refused as refused:
        verdict = refused.code
    except MemoryError:
        verdict = "limit"
    report.say(
        "ended",
        verdict=verdict,
        samples=mixdown.samples,
        lost_places=damage.places,
        lost_seconds=damage.seconds,
        lost_at_seconds=damage.first_at_seconds,
    )


def rehearse() -> None:
    """Decodes a moment of silence of our own, so that what PyAV loads late is loaded while it can be."""
    silence = io.BytesIO()
    with wave.open(silence, "wb") as writer:
        writer.setparams((2, BYTES_A_SAMPLE, 48_000, 0, "NONE", ""))
        writer.writeframes(bytes(4 * 1024))
    silence.seek(0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with av.open(silence, mode="r", format="wav") as container:
        decode(container, first_audio(container), Mixdown(nowhere, max_seconds=1), Damage())
    os.close(nowhere)


def main() -> None:
    """Closes the doors, says so, and works once."""
    sandbox.keep_one_heap()
    rehearse()
    report = Report(socket.socket(fileno=0))
    unprivileged = sandbox.give_up_privileges()
    own_network = sandbox.leave_network()
    report.say(
        "ready", unprivileged=unprivileged, own_network=own_network, landlock=sandbox.landlock_version()
    )
    work(report)
    os._exit(0)  # nothing is left to tidy, and the interpreter's own farewell takes milliseconds
