"""Audio of realtime sessions: resampling keeps the sound, G.711 is decoded as ITU-T G.711 defines it."""

import io

import av
import numpy as np
import pytest

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.protocols.audio_input import AudioDecoder, Pcm, StreamResampler
from whisper_appliance.protocols.webrtc import concealed


def tone(hertz: float, rate: int, seconds: float = 1.0) -> Pcm:
    times = np.arange(round(rate * seconds)) / rate
    wave: Pcm = np.rint(10_000 * np.sin(2 * np.pi * hertz * times)).astype(np.int16)
    return wave


@pytest.mark.parametrize("rate", [8000, 24_000, 48_000])
@pytest.mark.parametrize("piece", [7, 480, 100_000])
def test_resampling_keeps_a_tone_however_it_is_cut(rate: int, piece: int) -> None:
    resampler, source = StreamResampler(rate), tone(1000, rate)
    parts = [resampler.feed(source[at : at + piece]) for at in range(0, len(source), piece)]
    result = np.concatenate([*parts, resampler.finish()])
    expected = tone(1000, SAMPLE_RATE)
    assert abs(len(result) - len(expected)) <= 2
    middle = slice(2000, 14_000)
    assert np.abs(result[middle].astype(int) - expected[middle]).max() < 60


def test_what_16_khz_cannot_hold_is_removed() -> None:
    assert np.abs(StreamResampler(24_000).feed(tone(10_500, 24_000))[500:]).max() < 30


@pytest.mark.parametrize(("format_type", "codec"), [("audio/pcmu", "pcm_mulaw"), ("audio/pcma", "pcm_alaw")])
def test_g711_is_decoded_as_ffmpeg_does(format_type: str, codec: str) -> None:
    every_byte = bytes(range(256)) * 8
    container = "mulaw" if codec == "pcm_mulaw" else "alaw"
    options = {"sample_rate": "8000"}
    with av.open(io.BytesIO(every_byte), "r", format=container, options=options) as source:
        expected = np.concatenate([frame.to_ndarray()[0] for frame in source.decode(audio=0)])
    decoder = AudioDecoder(format_type, 0)
    assert decoder._law is not None
    assert decoder._law[np.frombuffer(every_byte, np.uint8)].tolist() == expected.tolist()
    assert len(decoder.feed(every_byte) + decoder.finish()) == pytest.approx(2 * 2 * len(every_byte), abs=4)


def test_half_a_sample_waits_for_the_next_bytes() -> None:
    decoder, pcm = AudioDecoder("audio/pcm", 16_000), tone(440, 16_000).tobytes()
    assert decoder.feed(pcm[:1001]) + decoder.feed(pcm[1001:]) == pcm


def test_lost_packets_are_replaced_and_keep_the_time() -> None:
    last = b"\x01\x00" * 320
    assert concealed(last, 0.02) == last
    assert concealed(last, 0.06) == last + bytes(2 * 640)
