"""Audio over WebRTC: the chirp is found to the sample after Opus; packets get the numbers of the client."""

import numpy as np
import numpy.typing as npt
import pytest
from aiortc.codecs import get_decoder, get_encoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from av import AudioFrame, AudioResampler

from tests.support.speech import packets, spoken
from whisper_appliance.core.errors import InvalidRequest, NotFound
from whisper_appliance.live.manager import Ack
from whisper_appliance.protocols.socketio.webrtc_events import PeerAudio
from whisper_appliance.protocols.sync_chirp import ChirpDetector, chirp

RATE = 48_000
FRAME = 960
OPUS = RTCRtpCodecParameters(mimeType="audio/opus", clockRate=RATE, channels=2, payloadType=96)
Pcm = npt.NDArray[np.int16]


def voice(seconds: float) -> Pcm:
    """Something with the spectrum of speech: noise under a low pass, in syllables."""
    count = round(seconds * RATE)
    noise = np.convolve(np.random.default_rng(3).normal(size=count), np.hanning(48), "same")
    syllables = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * np.arange(count) / RATE)
    made: Pcm = np.rint(4000 * noise / np.abs(noise).max() * syllables).astype(np.int16)
    return made


def through_opus(samples: Pcm, lost: tuple[int, ...] = ()) -> list[bytes]:
    """What the server receives, in frames of 20 ms; lost ones are silent."""
    encoder, decoder = get_encoder(OPUS), get_decoder(OPUS)
    resampler, received = AudioResampler("s16", "mono", 16_000), []
    for number, start in enumerate(range(0, len(samples) - FRAME + 1, FRAME)):
        frame = AudioFrame.from_ndarray(samples[None, start : start + FRAME], "s16", "mono")
        frame.sample_rate, frame.pts = RATE, start
        for data in encoder.encode(frame)[0]:
            if number in lost:
                received.append(bytes(640))
                continue
            for decoded in decoder.decode(JitterFrame(data, start)):
                assert isinstance(decoded, AudioFrame)
                received += [
                    bytes(each.planes[0])[: each.samples * 2] for each in resampler.resample(decoded)
                ]
    return received


def track(before_samples: int, speech: Pcm) -> Pcm:
    """Silence, the chirp, and speech."""
    marker = np.rint(chirp(RATE) * 32_767).astype(np.int16)
    made: Pcm = np.concatenate([np.zeros(before_samples, np.int16), marker, speech])
    return made


def behind_the_chirp(received: list[bytes]) -> Pcm | None:
    detector = ChirpDetector()
    found = b""
    for number, frame in enumerate(received):
        if (rest := detector.feed(frame)) is not None:
            found = rest + b"".join(received[number + 1 :])
            return np.frombuffer(found, np.int16)
    return None


@pytest.mark.parametrize("before_samples", [0, 48_000, 31_337])
@pytest.mark.parametrize("lost_in_chirp", [False, True])
def test_the_audio_begins_at_its_sample_after_opus(before_samples: int, lost_in_chirp: bool) -> None:
    speech = voice(2)
    lost = (before_samples // FRAME + 1,) if lost_in_chirp else ()
    found = behind_the_chirp(through_opus(track(before_samples, speech), lost))
    assert found is not None
    expected = speech[::3].astype(float)
    shifts = range(-160, 160)
    likeness = [np.dot(found[1000 + shift : 21_000 + shift], expected[1000:21_000]) for shift in shifts]
    assert abs(shifts[int(np.argmax(likeness))]) <= 8  # half a millisecond


def test_speech_and_noise_are_no_chirp() -> None:
    assert behind_the_chirp(through_opus(voice(5))) is None
    assert behind_the_chirp(list(packets(spoken(1, 8)))) is None


class Spool:
    """Takes packets in order, as a session does."""

    def __init__(self, first: int = 0) -> None:
        self.next_seq = first
        self.pcm = b""

    def feed(self, seq: int, data: bytes) -> Ack:
        ok = seq <= self.next_seq
        if seq == self.next_seq:
            self.next_seq, self.pcm = seq + 1, self.pcm + data
        return Ack(ok, self.next_seq, 0, 0)


def chirp_pcm() -> bytes:
    return np.rint(chirp() * 32_767).astype("<i2").tobytes()


def feed_all(audio: PeerAudio, pcm: bytes) -> None:
    for frame in packets(pcm, 640):
        audio.add(frame)


def test_packets_have_the_numbers_of_the_client_whenever_it_switches() -> None:
    speech = spoken(1, 9)
    for switch_at in (0, 10):
        spool = Spool(7)
        audio = PeerAudio(spool.feed)
        for number, frame in enumerate(packets(bytes(6400) + chirp_pcm() + speech, 640)):
            if number == switch_at:
                audio.begin(7)
            audio.add(frame)
        assert spool.pcm == speech[: len(spool.pcm)]
        assert spool.next_seq >= 7 + len(speech) // 3200 - 1


def test_audio_without_chirp_or_number_is_refused_after_a_while() -> None:
    for marked in (b"", chirp_pcm()):
        audio = PeerAudio(Spool().feed)
        if not marked:
            audio.begin(0)
        with pytest.raises(InvalidRequest, match="no chirp, or no number"):
            feed_all(audio, marked + bytes(32_000 * 12))


def test_a_second_begin_is_refused_and_a_closed_peer_feeds_nothing() -> None:
    spool = Spool()
    audio = PeerAudio(spool.feed)
    audio.begin(0)
    with pytest.raises(InvalidRequest):
        audio.begin(0)
    audio.close()
    assert audio.add(chirp_pcm() + bytes(64_000)) is None
    assert spool.pcm == b""


def test_an_ended_session_ends_its_peer() -> None:
    def gone(_seq: int, _data: bytes) -> Ack:
        raise NotFound("This recording has ended.")

    audio = PeerAudio(gone)
    audio.begin(0)
    with pytest.raises(NotFound):
        audio.add(chirp_pcm() + bytes(64_000))
