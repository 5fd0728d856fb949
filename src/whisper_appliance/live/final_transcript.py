"""The final transcript of a live session: groups its committed words into segments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.contract import Options
from whisper_appliance.live.hypothesis import SENTENCE_ENDS
from whisper_appliance.live.live_session import LiveSession
from whisper_appliance.live.replay import SessionInfo
from whisper_appliance.transcript.model import Notice, Segment, Transcript, Word
from whisper_appliance.transcript.times import with_valid_times

MAX_SEGMENT_SECONDS = 12.0
PAUSE_SECONDS = 1.0
NO_SPEECH = Notice("no_speech", "No speech was found in this recording.")


@dataclass(frozen=True, slots=True)
class FinishedSession:
    """An ended session: the transcript of its captions, and the file with all of its audio."""

    info: SessionInfo
    transcript: Transcript
    audio: Path
    options: Options


def finish_session(session: LiveSession) -> FinishedSession:
    """Builds the transcript of a session that has ended."""
    options = session.state.options
    words = session.words()
    transcript = Transcript(
        segments=tuple(group_into_segments(words)),
        language=options.language or (session.refined[-1].language if session.refined else ""),
        language_probability=1.0 if session.info.request.language else 0.0,
        duration=session.recording.samples / SAMPLE_RATE,
        task=options.task,
        model=session.info.model,
        processing_seconds=0.0,
        warnings=() if words else (NO_SPEECH,),
    )
    return FinishedSession(session.info, with_valid_times(transcript), session.recording.path, options)


def group_into_segments(words: Sequence[Word]) -> Iterator[Segment]:
    """Groups words into segments, which end with a sentence, at a pause, or at `MAX_SEGMENT_SECONDS`."""
    current: list[Word] = []
    for word in words:
        if current and _ends_before(word, current):
            yield _segment(current)
            current = []
        current.append(word)
    if current:
        yield _segment(current)


def _ends_before(following: Word, words: Sequence[Word]) -> bool:
    last = words[-1]
    return (
        last.word.rstrip().endswith(SENTENCE_ENDS)
        or following.start - last.end >= PAUSE_SECONDS
        or following.end - words[0].start > MAX_SEGMENT_SECONDS
    )


def _segment(words: Sequence[Word]) -> Segment:
    text = "".join(word.word for word in words)
    return Segment(words[0].start, words[-1].end, text, words=tuple(words))
