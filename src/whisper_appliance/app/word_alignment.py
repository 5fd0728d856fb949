"""Word alignment: words that people wrote get their times from the audio, while the recording is kept.

It runs behind the saving of an edit, in a thread of its own, by windows of the lowest priority.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

from whisper_appliance.audio.decode import decode
from whisper_appliance.audio.recording import Sound
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.clock import Clock, now
from whisper_appliance.core.log_errors import log_errors
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import MAX_WINDOW_SECONDS, Options, Priority, Window
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.jobs.transcription_job import decode_limits
from whisper_appliance.library.edits import TranscriptEdits
from whisper_appliance.library.recordings import Recordings
from whisper_appliance.transcript.editing.word_times import is_written, with_aligned
from whisper_appliance.transcript.model import Segment, Transcript

QUIET_SECONDS = 2.0
"""After an edit, so that several corrections take one pass through the recording."""
MARGIN_SECONDS = 0.25
MIN_SECONDS = 0.1
"""Of audio; a segment may lie behind the end of a damaged file."""
REMEMBERED = 200
"""Transcripts whose aligned segments are remembered, for pages that are open."""

OpenEngine = Callable[[], AbstractContextManager[EngineProcess]]


class WordAligner:
    """Finds the times of words by forced alignment (cross-attention of the engine)."""

    def __init__(self, engine: OpenEngine, settings: Callable[[], Settings]) -> None:
        self._engine = engine
        self._settings = settings

    def align(self, path: Path, transcript: Transcript, segments: Sequence[Segment]) -> dict[str, Segment]:
        """The segments, by key, with times of written words; without those that do not fit into a window.

        Raises the errors of decoder and engine.
        """
        found: dict[str, Segment] = {}
        with self._engine() as engine:
            for channel in sorted({segment.channel or 0 for segment in segments}):
                chosen = [each for each in segments if (each.channel or 0) == channel]
                for segment, samples, start in self._spans(path, channel, chosen):
                    if len(samples) < MIN_SECONDS * SAMPLE_RATE:
                        continue
                    found[segment.key] = _aligned(engine, transcript, segment, samples, start)
        return found

    def _spans(
        self, path: Path, channel: int, segments: Sequence[Segment]
    ) -> Iterable[tuple[Segment, Samples, float]]:
        """Each segment with its samples, and the second of the recording with which they begin."""
        settings = self._settings()
        folder, sound = settings.data_dir / "decoded", Sound(channel=channel - 1 if channel else None)
        waiting = sorted(segments, key=lambda each: each.end)
        decoded = 0
        with decode(path, folder=folder, limits=decode_limits(settings), sound=sound) as recording:
            for block in recording.blocks():
                decoded += len(block)
                while waiting and _sample(waiting[0].end + MARGIN_SECONDS) <= decoded:
                    yield self._span(recording.read, waiting.pop(0), decoded)
                if not waiting:
                    return
            for segment in waiting:
                yield self._span(recording.read, segment, decoded)

    @staticmethod
    def _span(
        read: Callable[[int, int], Samples], segment: Segment, decoded: int
    ) -> tuple[Segment, Samples, float]:
        first = max(0, _sample(segment.start - MARGIN_SECONDS))
        last = min(decoded, _sample(segment.end + MARGIN_SECONDS))
        return segment, read(first, max(first, last)), first / SAMPLE_RATE


class WordAlignment:
    """Aligns edited segments one transcript after the other."""

    def __init__(
        self,
        edits: TranscriptEdits,
        recordings: Recordings,
        aligner: WordAligner,
        *,
        quiet_seconds: float = QUIET_SECONDS,
        clock: Clock = now,
    ) -> None:
        """Numbers of alignments begin with the milliseconds of `clock`: those after a restart are later."""
        self._edits = edits
        self._recordings = recordings
        self._aligner = aligner
        self._quiet_seconds = quiet_seconds
        self._changed = threading.Condition()
        self._waiting: OrderedDict[str, set[str]] = OrderedDict()
        self._aligned: OrderedDict[str, list[tuple[int, str]]] = OrderedDict()
        self._numbers = count(round(clock().timestamp() * 1000))
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="word alignment", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self) -> None:
        """Ends the thread after the transcript that it is at."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def request(self, transcript_id: str, keys: Iterable[str]) -> None:
        """Aligns the written words of these segments soon; returns at once."""
        if self._recordings.find(transcript_id) is None:
            return
        with self._changed:
            self._waiting.setdefault(transcript_id, set()).update(keys)
            self._changed.notify_all()

    def last(self, transcript_id: str) -> int:
        """The number of the last alignment of a transcript; 0: none is remembered."""
        return self.aligned(transcript_id)[1]

    def aligned(self, transcript_id: str, after: int = 0) -> tuple[list[str], int]:
        """The keys of segments with alignments after a number, and the number of the last one."""
        with self._changed:
            found = self._aligned.get(transcript_id, [])
            keys = dict.fromkeys(key for number, key in found if number > after)
            return list(keys), max(after, found[-1][0] if found else 0)

    def _run(self) -> None:
        while task := self._next():
            log_errors(partial(self._align, *task), "words keep their interpolated times")

    def _next(self) -> tuple[str, set[str]] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            while not self._closed and self._changed.wait(self._quiet_seconds):
                pass  # one more edit
            return None if self._closed else self._waiting.popitem(last=False)

    def _align(self, transcript_id: str, keys: set[str]) -> None:
        kept = self._recordings.find(transcript_id)
        transcript = self._edits.current(transcript_id)
        tracks = transcript.provenance.tracks if transcript.provenance else None
        if kept is None or transcript.task == "translate" or (tracks and tracks.count > 1):
            return
        segments = [each for each in transcript.segments if each.key in keys and _can_align(each)]
        if not segments:
            return
        better = self._aligner.align(self._recordings.file(transcript_id), transcript, segments)
        stored = self._edits.set_words(transcript_id, better)
        with self._changed:
            self._aligned.setdefault(transcript_id, []).extend(zip(self._numbers, stored, strict=False))
            while len(self._aligned) > REMEMBERED:
                self._aligned.popitem(last=False)
        if stored:
            self._edits.announce(transcript_id)


def _can_align(segment: Segment) -> bool:
    seconds = segment.end - segment.start + 2 * MARGIN_SECONDS
    return 0 < seconds <= MAX_WINDOW_SECONDS and any(map(is_written, segment.words))


def _aligned(
    engine: EngineProcess, transcript: Transcript, segment: Segment, samples: Samples, start: float
) -> Segment:
    options = Options(language=segment.language or transcript.language or None, word_timestamps=True)
    window = Window(samples, options, text_to_align=segment.text)
    result = engine.submit(window, priority=Priority.BATCH).result()
    words = [
        replace(word, start=word.start + start, end=word.end + start)
        for each in result.segments
        for word in each.words
    ]
    return replace(segment, words=with_aligned(segment, words))


def _sample(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)
