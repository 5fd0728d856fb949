"""Transcribes the track that the options choose: its channels mixed, or each one by itself."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from whisper_appliance.audio.recording import Sound
from whisper_appliance.engines.contract import Options
from whisper_appliance.transcript.model import Dropped, Segment, Tracks, Transcript
from whisper_appliance.transcript.times import with_valid_times

CHANNEL_SAMPLES = 2**40
"""Added to the samples of finished windows for each channel, so that windows of channels differ."""


def sound_of(options: Options, file_name: str) -> Sound:
    """The sound of a file that is decoded first."""
    stem, dot, extension = file_name.rpartition(".")
    channel = 0 if options.channels == "separate" else None
    return Sound(options.track, channel, extension.lower() if stem and dot else "")


def transcribe_channels(
    recording: Any,
    sound: Sound,
    decode: Callable[[Sound], AbstractContextManager[Any]],
    transcribe: Callable[[Any, int], Transcript],
) -> Transcript:
    """The transcript of a recording that is being decoded, and of its other channels if they are separate.

    `transcribe` gets a recording and the number of its channel, from 0.
    """
    first = transcribe(recording, 0)
    tracks: Tracks | None = recording.tracks
    if sound.channel is None or tracks is None:
        return _with_tracks(first, tracks)
    transcripts = [first]
    for channel in range(1, tracks.channels):
        with decode(replace(sound, channel=channel)) as other:
            transcripts.append(transcribe(other, channel))
    return _with_tracks(_merged(transcripts), tracks)


def _merged(transcripts: list[Transcript]) -> Transcript:
    """One transcript of all channels, in order of time; warnings that hold for each channel appear once."""
    spoken = max(transcripts, key=lambda one: sum(segment.end - segment.start for segment in one.segments))
    segments = [
        replace(segment, channel=channel)
        for channel, transcript in enumerate(transcripts, start=1)
        for segment in transcript.segments
    ]
    some = [one for one in transcripts if one.segments] or transcripts[:1]
    merged = replace(
        spoken,
        segments=tuple(sorted(segments, key=_start)),
        duration=max(one.duration for one in transcripts),
        processing_seconds=sum(one.processing_seconds for one in transcripts),
        warnings=tuple(dict.fromkeys(notice for one in some for notice in one.warnings)),
        dropped=tuple(sorted((dropped for one in transcripts for dropped in one.dropped), key=_start)),
    )
    return with_valid_times(merged)


def _start(spoken: Segment | Dropped) -> float:
    return spoken.start


def _with_tracks(transcript: Transcript, tracks: Tracks | None) -> Transcript:
    if transcript.provenance is None:
        return transcript
    return replace(transcript, provenance=replace(transcript.provenance, tracks=tracks))
