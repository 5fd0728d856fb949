"""The streaming decoder process: decodes a MediaRecorder file to 16 kHz mono PCM while it still grows.

Like `decoder_child`, but at the end of the source it waits for `more` or `end` from the parent. One demuxer
reads all of it, because only the first chunk of a recorder has the header.
"""

import io
import json
import os
import socket

import av

from whisper_appliance.audio.decoder_child import (
    Damage,
    choose_audio,
    decode,
    enter_job,
    enter_sandbox,
    warm_up,
)
from whisper_appliance.audio.formats import CODECS
from whisper_appliance.audio.resample import SAMPLE_BYTES, Resampler, UnsupportedSource
from whisper_appliance.core import memory
from whisper_appliance.core.audio_format import SAMPLE_RATE

BATCH_SECONDS = 0.1
FORMATS = {"webm": "matroska", "mp4": "mp4"}
"""FFmpeg's names of the containers that browsers record into."""
# Without these FFmpeg waits for seconds of audio before it gives out the first.
EAGER = {"probesize": "32", "analyzeduration": "0", "fflags": "nobuffer", "codec_whitelist": CODECS}


class GrowingFile(io.RawIOBase):
    """The growing source as a file without seek, which blocks at its end until there is more."""

    def __init__(self, source: int, channel: socket.socket) -> None:
        self._source = source
        self._channel = channel
        self._ended = False

    def readable(self) -> bool:
        """True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; none at the end of the recording."""
        while True:
            data = os.read(self._source, max(size, 1))
            if data or self._ended:
                return data
            word = self._channel.recv(16)
            if not word:
                os._exit(0)  # the parent is gone
            self._ended = word == b"end"


def decode_stream(channel: socket.socket) -> str:
    """Decodes one recording until it ends; returns the verdict."""
    message, files, _, _ = socket.recv_fds(channel, 65536, 2)
    if not message:
        os._exit(0)
    job, (source, target) = json.loads(message), files
    enter_job(job, source, round(job["max_seconds"] * SAMPLE_RATE + SAMPLE_RATE) * SAMPLE_BYTES["s16"])
    if job["container"] not in FORMATS:
        return "undecodable"
    resampler = Resampler(target, job["max_seconds"], batch_seconds=BATCH_SECONDS, sample_format="s16")
    try:
        with av.open(
            GrowingFile(source, channel),
            mode="r",
            format=FORMATS[job["container"]],
            options=EAGER,
            buffer_size=512,
        ) as container:
            decode(container, choose_audio(container), resampler, Damage())
    except UnsupportedSource as unsupported:
        return unsupported.code
    except MemoryError:
        return "limit"
    except (av.FFmpegError, ValueError):
        return "undecodable"
    return "done" if resampler.samples else "no_audio"


def main() -> None:
    """Sandboxes the process, sends `ready`, and decodes one recording."""
    memory.limit_malloc_arenas(1)
    warm_up()
    channel = socket.socket(fileno=0)
    enter_sandbox()
    channel.send(json.dumps({"kind": "ready"}).encode())
    verdict = decode_stream(channel)
    channel.send(json.dumps({"kind": "ended", "verdict": verdict}).encode())
    os._exit(0)
