"""Finds the speakers of a transcript, once its words are there: by channels, or by voice."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from whisper_appliance.core.errors import EngineFailed, ModelUnavailable
from whisper_appliance.core.i18n import N_
from whisper_appliance.diarization.contract import Diarization
from whisper_appliance.diarization.named_speakers import named_speakers
from whisper_appliance.diarization.speakers import speaker_names, with_channels, with_turns
from whisper_appliance.engines.contract import Options
from whisper_appliance.transcript.model import Notice, Transcript

NO_SPEAKERS = N_("Speakers could not be found. {reason}")
TRANSCRIBED_SHARE = 0.8
"""The progress of a recording whose words are there, and whose speakers are to be found."""


@dataclass(frozen=True, slots=True)
class FoundSpeakers:
    """A transcript with its speakers, and the embeddings of their voices by their names."""

    transcript: Transcript
    voices: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


class Diarize(Protocol):
    """Finds the turns of a decoded recording with `diarization.process.client.diarize`."""

    def __call__(
        self,
        recording: Any,
        speakers: int | None,
        *,
        on_progress: Callable[[float], None],
        cancelled: Callable[[], bool],
    ) -> Diarization:
        """The turns of the recording. Raises `Cancelled`, `EngineFailed` and other kinds of `Unavailable`."""
        ...


def with_speakers(
    transcript: Transcript,
    recording: Any,
    options: Options,
    diarize: Diarize,
    *,
    on_progress: Callable[[float], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> FoundSpeakers:
    """The transcript with its speakers, if the options want them.

    Several channels that were transcribed by themselves are the speakers. Where speakers cannot be found,
    the transcript says so. Raises `Cancelled`, and `Unavailable` if the machine failed.
    """
    if not options.diarize or not transcript.segments:
        return FoundSpeakers(transcript)
    if options.channels == "separate" and recording.tracks and recording.tracks.channels > 1:
        return FoundSpeakers(with_channels(transcript))
    try:
        found = diarize(recording, options.speakers, on_progress=on_progress, cancelled=cancelled)
    except (EngineFailed, ModelUnavailable) as error:
        notice = Notice("no_speakers", NO_SPEAKERS.format(reason=error.message))
        return FoundSpeakers(replace(transcript, warnings=(*transcript.warnings, notice)))
    names = named_speakers(found.embeddings, options.voices)
    called = speaker_names(found.turns, names)
    named = with_turns(transcript, found.turns, names)
    there = {segment.speaker for segment in named.segments}
    voices = {called[number]: each for number, each in enumerate(found.embeddings) if number in called}
    return FoundSpeakers(named, {name: voice for name, voice in voices.items() if name in there})
