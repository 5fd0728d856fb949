"""A session that is over, as its transcript: phrases of the settled words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.contract import Options
from whisper_appliance.live.hypothesis import SENTENCE_ENDS
from whisper_appliance.live.live_session import LiveSession
from whisper_appliance.live.replay import SessionInfo
from whisper_appliance.transcript.model import Notice, Segment, Transcript, Word

PHRASE_SECONDS = 12.0
BREATH_SECONDS = 1.0
NO_SPEECH = Notice("no_speech", "No speech was found in this recording.")


@dataclass(frozen=True, slots=True)
class FinishedSession:
    """What is left of a session: the transcript of its captions, and the file with all of its audio."""

    info: SessionInfo
    transcript: Transcript
    audio: Path
    options: Options


def finish_session(stream: LiveSession) -> FinishedSession:
    """The session as it is now, which is its end."""
    options = stream.session.options
    words = stream.words()
    transcript = Transcript(
        segments=tuple(group_into_segments(words)),
        language=options.language or (stream.refined[-1].language if stream.refined else ""),
        language_probability=1.0 if stream.facts.request.language else 0.0,
        duration=stream.recording.samples / SAMPLE_RATE,
        task=options.task,
        model=stream.facts.model,
        processing_seconds=0.0,
        warnings=() if words else (NO_SPEECH,),
    )
    return FinishedSession(stream.facts, transcript, stream.recording.path, options)


def group_into_segments(words: Sequence[Word]) -> Iterator[Segment]:
    """Segments of whole words; a new one after each sentence, at each breath, and when one grows long."""
    phrase: list[Word] = []
    for word in words:
        if phrase and _ends(phrase, word):
            yield _segment(phrase)
            phrase = []
        phrase.append(word)
    if phrase:
        yield _segment(phrase)


def _ends(phrase: Sequence[Word], following: Word) -> bool:
    last = phrase[-1]
    return (
        last.word.rstrip().endswith(SENTENCE_ENDS)
        or following.start - last.end >= BREATH_SECONDS
        or following.end - phrase[0].start > PHRASE_SECONDS
    )


def _segment(words: Sequence[Word]) -> Segment:
    text = "".join(word.word for word in words)
    return Segment(words[0].start, words[-1].end, text, words=tuple(words))
