"""Separate channels: each is transcribed by itself, and all segments come in order of time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from whisper_appliance.audio.recording import Sound
from whisper_appliance.engines.contract import Options
from whisper_appliance.transcript.codec import from_dict, to_dict
from whisper_appliance.transcript.model import Notice, Provenance, Segment, Tracks, Transcript
from whisper_appliance.transcription.channels import sound_of, transcribe_channels

PROVENANCE = Provenance("engine", "1", "base", "", "int8", {}, "", "0.1", 1.0)
SPOKEN = {
    0: (Segment(0, 2, " Hello."), Segment(5, 6, " Fine.")),
    1: (Segment(2.5, 4.5, " How are you?"),),
    2: (),
}


@dataclass
class Channel:
    """A recording of one channel."""

    number: int
    tracks: Tracks


def transcript(recording: Channel, channel: int) -> Transcript:
    assert recording.number == channel
    segments = SPOKEN[channel]
    warnings = () if segments else (Notice("no_speech", "No speech was found in this recording."),)
    return Transcript(segments, "en", 0.9, 8.0, "transcribe", "base", 1.0, warnings, provenance=PROVENANCE)


def transcribed(channels: int, sound: Sound) -> Transcript:
    tracks = Tracks(1, 1, "eng", channels)

    @contextmanager
    def decode(other: Sound) -> Iterator[Channel]:
        assert other.channel is not None
        yield Channel(other.channel, tracks)

    return transcribe_channels(Channel(0, tracks), sound, decode, transcript)


def test_segments_of_separate_channels_are_in_order_of_time_with_their_channel() -> None:
    done = transcribed(3, sound_of(Options(channels="separate"), "call.wav"))
    assert [(segment.text, segment.channel) for segment in done.segments] == [
        (" Hello.", 1),
        (" How are you?", 2),
        (" Fine.", 1),
    ]
    assert done.warnings == ()  # a silent channel is none
    assert done.processing_seconds == 3


def test_mixed_channels_have_no_number() -> None:
    done = transcribed(2, sound_of(Options(), "call.wav"))
    assert [segment.channel for segment in done.segments] == [None, None]


def test_the_track_and_the_channels_survive_json() -> None:
    done = transcribed(2, sound_of(Options(channels="separate"), "call.wav"))
    data = to_dict(done)
    assert data["provenance"]["tracks"] == {"taken": 1, "count": 1, "language": "eng", "channels": 2}
    assert [segment["channel"] for segment in data["segments"]] == [1, 2, 1]
    assert [segment.channel for segment in from_dict(data).segments] == [1, 2, 1]
    assert from_dict(data).provenance == done.provenance


def test_the_extension_is_kept_as_a_hint() -> None:
    assert sound_of(Options(track=2), "Call.G722") == Sound(track=2, channel=None, extension="g722")
    assert sound_of(Options(), ".g722").extension == ""
