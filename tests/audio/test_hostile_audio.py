"""Hostile files: no access to other files or the network, no exhausted memory, and a plain error."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from tests.support.audio import encode, wav
from whisper_appliance.audio import decoder_child
from whisper_appliance.audio.decode import DecodeLimits, decode
from whisper_appliance.core.errors import (
    AudioError,
    AudioTooLong,
    DecoderKilled,
    DecoderLimit,
    NoAudio,
    Undecodable,
)

pytestmark = pytest.mark.slow  # decodes many files in a process each

LIMITS = DecodeLimits(max_seconds=60)
PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:20\n#EXTINF:20,\n{target}\n#EXT-X-ENDLIST\n",
    "m3u": "#EXTM3U\n{target}\n",
    "pls": "[playlist]\nNumberOfEntries=1\nFile1={target}\n",
    "concat": "ffconcat version 1.0\nfile '{target}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n",
    "dash": (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        '<AdaptationSet><Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL></Representation>'
        "</AdaptationSet></Period></MPD>"
    ),
}


class Canary:
    """A listener on loopback that counts connections."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.visits = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                visitor, _ = self._listener.accept()
            except OSError:
                return
            self.visits += 1
            visitor.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    bird = Canary()
    yield bird
    bird.close()


@pytest.fixture(autouse=True)
def nothing_is_left_behind(tmp_path: Path) -> Iterator[None]:
    """No child, no open file and no file in the folder of samples outlives a decoding."""
    (tmp_path / "samples").mkdir()
    me = psutil.Process()
    children, files = len(me.children()), me.num_fds()
    yield
    assert len(me.children()) <= children
    assert me.num_fds() <= files
    assert list((tmp_path / "samples").iterdir()) == []


def refusal(path: Path, limits: DecodeLimits = LIMITS) -> AudioError:
    """The error for a file; it comes within seconds and reveals nothing about this machine."""
    started = time.monotonic()
    with (
        pytest.raises(AudioError) as unsupported,
        decode(path, folder=path.parent / "samples", limits=limits) as recording,
    ):
        for _ in recording.blocks():
            pass
    assert time.monotonic() - started < 10
    assert str(path.parent) not in str(unsupported.value)
    assert "Traceback" not in str(unsupported.value)
    return unsupported.value


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_playlist_is_refused_whatever_its_name_and_target(
    kind: str, beckett: Path, canary: Canary, tmp_path: Path
) -> None:
    shutil.copy(beckett, tmp_path / "victim.wav")
    targets = ("victim.wav", f"file://{tmp_path}/victim.wav", f"http://127.0.0.1:{canary.port}/a.wav")
    for name, target in zip(("a.m3u8", "a.mp3", "a"), targets, strict=True):
        (tmp_path / name).write_text(PLAYLISTS[kind].format(target=target, port=canary.port))
        assert isinstance(refusal(tmp_path / name), Undecodable)
    assert canary.visits == 0


@pytest.mark.parametrize(
    ("kind", "name"), [("hls", "a.m3u8"), ("concat", "a.txt"), ("hls", "a.mp3"), ("sdp", "a.sdp")]
)
def test_the_whitelists_alone_refuse_a_playlist(kind: str, name: str, canary: Canary, tmp_path: Path) -> None:
    """In this process, by its real name: nothing but the options for FFmpeg stands in the way."""
    wav(tmp_path / "victim.wav", 1)
    for target in ("victim.wav", f"http://127.0.0.1:{canary.port}/a.wav"):
        (tmp_path / name).write_text(PLAYLISTS[kind].format(target=target, port=canary.port))
        with pytest.raises((av.FFmpegError, ValueError)):
            av.open(str(tmp_path / name), options=decoder_child.WHITELISTS)
    assert canary.visits == 0


@pytest.mark.parametrize(("kind", "name"), [("hls", "a.m3u8"), ("concat", "a.txt")])
def test_without_the_whitelists_a_playlist_is_followed(
    kind: str, name: str, beckett: Path, tmp_path: Path
) -> None:
    """The reason for the whitelists; if this fails, FFmpeg has become safer."""
    encode(beckett, tmp_path / "victim.mp3", "libmp3lame")
    (tmp_path / name).write_text(PLAYLISTS[kind].format(target="victim.mp3"))
    with av.open(str(tmp_path / name)) as followed:
        assert sum(frame.samples for frame in followed.decode(audio=0)) > 100_000


def test_a_container_that_is_not_on_the_list_is_refused(beckett: Path, tmp_path: Path) -> None:
    for name, container, codec in (("a.wav", "sox", "pcm_s32le"), ("b.wav", "ircam", "pcm_s16le")):
        source = encode(beckett, tmp_path / name, codec, container=container)
        assert isinstance(refusal(source), Undecodable)


def test_an_extreme_sample_rate_or_channel_count_is_refused(tmp_path: Path) -> None:
    assert "4 to 384 kHz" in str(refusal(wav(tmp_path / "slow.wav", 30_000, rate=1)))
    assert "4 to 384 kHz" in str(refusal(wav(tmp_path / "fast.wav", 0.1, rate=500_000)))
    assert "8 channels" in str(refusal(wav(tmp_path / "crowd.wav", 1, channels=16)))


def test_a_small_file_with_a_long_silence_stops_at_the_limit(tmp_path: Path) -> None:
    silence = encode(wav(tmp_path / "silence.wav", 1200), tmp_path / "bomb.flac", "flac")
    error = refusal(silence, DecodeLimits(max_seconds=600))
    assert isinstance(error, AudioTooLong)
    assert "10:00" in str(error)


def test_a_wrong_length_in_the_header_changes_nothing(tmp_path: Path) -> None:
    bomb = encode(wav(tmp_path / "silence.wav", 1200), tmp_path / "bomb.flac", "flac")
    flac = bytearray(bomb.read_bytes())
    at = flac.index(b"fLaC") + 8 + 13  # the last 36 bits of these 8 bytes are the number of samples
    flac[at : at + 5] = bytes([flac[at] & 0xF0]) + (16_000).to_bytes(4, "big")
    bomb.write_bytes(flac)
    assert isinstance(refusal(bomb, DecodeLimits(max_seconds=600)), AudioTooLong)


def test_a_decoder_that_uses_too_much_time_or_memory_is_stopped(tmp_path: Path) -> None:
    hours = wav(tmp_path / "hours.wav", 4 * 3600, rate=44_100, channels=1)
    broad = wav(tmp_path / "broad.wav", 10, rate=384_000, channels=8)  # more at once than a heap has left
    roomy = DecodeLimits(max_seconds=5 * 3600)
    for recording, limits in (
        (hours, replace(roomy, wall_seconds=0.2)),
        (hours, replace(roomy, cpu_seconds=1)),
        (broad, replace(roomy, memory_bytes=2**24)),
    ):
        assert isinstance(refusal(recording, limits), DecoderLimit)


@pytest.mark.parametrize(
    "content", [b"\0" * 5000, b"Dear diary, today I spoke to nobody.\n" * 200, os.urandom(20_000)]
)
def test_content_without_media_is_undecodable(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    assert isinstance(refusal(tmp_path / "a.wav"), Undecodable)


def test_an_image_holds_no_audio(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.png"), "w", format="image2") as out:
        stream = out.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 8, 8, "rgb24"
        out.mux(stream.encode(av.VideoFrame(8, 8, "rgb24")))
    assert isinstance(refusal(tmp_path / "a.png"), Undecodable)


def test_a_video_without_sound_and_an_empty_wav_hold_no_audio(tmp_path: Path) -> None:
    assert isinstance(refusal(wav(tmp_path / "header.wav", 0)), NoAudio)
    with av.open(str(tmp_path / "film.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for index in range(5):
            picture = av.VideoFrame.from_ndarray(np.full((96, 64), 128, np.uint8), format="yuv420p")
            picture.pts = index
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    assert isinstance(refusal(tmp_path / "film.mp4"), NoAudio)


def test_a_path_that_is_not_a_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "samples", tmp_path / "missing.wav", Path("/dev/zero")):
        with pytest.raises(Undecodable):
            decode(path, folder=tmp_path / "samples", limits=LIMITS)


def test_an_early_close_leaves_no_process_and_no_file(beckett: Path, tmp_path: Path) -> None:
    with decode(beckett, folder=tmp_path / "samples", limits=LIMITS):
        pass
    with decode(beckett, folder=tmp_path / "samples", limits=LIMITS) as recording:
        next(recording.blocks(seconds=1))


def test_a_killed_decoder_is_no_fault_of_the_file(tmp_path: Path) -> None:
    source = wav(tmp_path / "a.wav", 3600)
    before = set(psutil.Process().children())
    with decode(source, folder=tmp_path / "samples", limits=DecodeLimits()) as recording:
        blocks = recording.blocks(seconds=1)
        next(blocks)
        (child,) = set(psutil.Process().children()) - before
        child.kill()
        with pytest.raises(DecoderKilled):
            list(blocks)
