"""The program that turns a browser's growing recording into 16 kHz mono PCM while it is being recorded.

Like `decoder`, but its source is still written: at the end of what is there it waits for the parent to say
`more` or `end`. One demuxer reads all of it, since only the first chunk of a recorder has the header.
"""

import io
import json
import os
import socket

import av

from whisper_appliance.audio.decoder_child import CODECS, Damage, decode, first_audio, rehearse
from whisper_appliance.audio.resample import BYTES_A_SAMPLE, Mixdown, Refused
from whisper_appliance.core import sandbox
from whisper_appliance.core.audio_format import SAMPLE_RATE

BATCH_SECONDS = 0.1
FORMATS = {"webm": "matroska", "mp4": "mp4"}
"""FFmpeg's names of the containers that browsers record into."""
# Without these FFmpeg waits for seconds of audio before it gives out the first.
EAGER = {"probesize": "32", "analyzeduration": "0", "fflags": "nobuffer", "codec_whitelist": CODECS}


class Growing(io.RawIOBase):
    """The source as a file that cannot be rewound and blocks at its end until there is more."""

    def __init__(self, source: int, channel: socket.socket) -> None:
        self._source = source
        self._channel = channel
        self._ended = False

    def readable(self) -> bool:
        """It is for reading only."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes; none at the very end."""
        while True:
            data = os.read(self._source, max(size, 1))
            if data or self._ended:
                return data
            word = self._channel.recv(16)
            if not word:
                os._exit(0)  # the parent is gone
            self._ended = word == b"end"


def work(channel: socket.socket) -> str:
    """One recording from its first byte to its end; how that ended."""
    message, files, _, _ = socket.recv_fds(channel, 65536, 2)
    if not message:
        os._exit(0)
    order, (source, target) = json.loads(message), files
    sandbox.limit(
        memory_bytes=order["memory_bytes"],
        cpu_seconds=order["cpu_seconds"],
        wall_seconds=order["wall_seconds"],
        file_bytes=round(order["max_seconds"] * SAMPLE_RATE + SAMPLE_RATE) * BYTES_A_SAMPLE,
    )
    sandbox.open_nothing_but(source)
    if order["container"] not in FORMATS:
        return "undecodable"
    mixdown = Mixdown(target, order["max_seconds"], batch_seconds=BATCH_SECONDS)
    try:
        with av.open(
            Growing(source, channel),
            mode="r",
            format=FORMATS[order["container"]],
            options=EAGER,
            buffer_size=512,
        ) as container:
            decode(container, first_audio(container), mixdown, Damage())
    except Refused as refused:
        return refused.code
    except MemoryError:
        return "limit"
    except (av.FFmpegError, ValueError):
        return "undecodable"
    return "done" if mixdown.samples else "no_audio"


def main() -> None:
    """Closes the doors, says so, and works once."""
    sandbox.keep_one_heap()
    rehearse()
    channel = socket.socket(fileno=0)
    sandbox.give_up_privileges()
    sandbox.leave_network()
    channel.send(json.dumps({"kind": "ready"}).encode())
    verdict = work(channel)
    channel.send(json.dumps({"kind": "ended", "verdict": verdict}).encode())
    os._exit(0)
