"""Streaming recognition: the state machine of one session, which commits words from repeated decodes.

No I/O, no clock, no threads. The decode loop feeds VAD probabilities (`feed_vad`), gets the kind of task that
is due (`next_task_kind`), starts it (`start_task`), and passes the engine's result back (`finish_task`).
`events` collects the events to publish. Positions are samples from the begin of the recording. The buffer is
the range that is decoded repeatedly until its words are committed.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import Options, Window, WindowResult
from whisper_appliance.live.endpointing import (
    DEFAULT_ENDPOINTING,
    EndpointDetector,
    Endpointing,
    SpeechEdge,
    Utterance,
)
from whisper_appliance.live.events import (
    Committed,
    Event,
    Flushed,
    LongPause,
    Partial,
    Refined,
    SpeechActivity,
    UtteranceEnded,
)
from whisper_appliance.live.hypothesis import context_start, is_boundary, words_of
from whisper_appliance.live.local_agreement import LocalAgreement, text_of
from whisper_appliance.live.paragraphs import Paragraphs, SpeechRange
from whisper_appliance.live.refinement import surer_words
from whisper_appliance.transcript.model import Word

CANDIDATE_SECONDS = 0.25
COVERS_SECONDS = 0.1
TRIM_SECONDS = 7.0
HARD_TRIM_SECONDS = 10.0
TRIM_CONTEXT_SECONDS = 2.0
MAX_BUFFER_SECONDS = 28.0
UNSTABLE_TAIL_SECONDS = 1.0
STALL_SECONDS = 0.8
MIN_LANGUAGE_PROBABILITY = 0.6

TaskKind = Literal["step", "candidate", "final", "long", "refine"]


@dataclass(frozen=True, slots=True)
class DecodeTask:
    """A range of the recording to decode, and the purpose.

    step: the growing buffer. candidate: the same at the begin of a pause, in case it ends the utterance.
    final: an utterance that has ended. long: a buffer that must be cut. refine: a paragraph.
    `prefix` is committed text at the begin, up to sample `prefix_stop`; the decoder continues from there.
    """

    kind: TaskKind
    start: int
    stop: int
    options: Options
    paragraph: SpeechRange | None = None
    prefix: str = ""
    prefix_stop: int = 0

    def window(self, samples: Samples) -> Window:
        """The engine's window, with the samples of this range."""
        prefix_seconds = max(0, self.prefix_stop - self.start) / SAMPLE_RATE
        return Window(samples, self.options, prefix_text=self.prefix, prefix_seconds=prefix_seconds)

    @property
    def urgent(self) -> bool:
        """True if the utterance has ended, so that the speaker waits for its words."""
        return self.kind in ("final", "long")


class StreamingState:
    """The state of one session. Not thread-safe: only the decode loop calls it."""

    def __init__(
        self,
        options: Options,
        *,
        start: int = 0,
        committed: Iterable[Word] = (),
        endpointing: Endpointing = DEFAULT_ENDPOINTING,
    ) -> None:
        """`start` and `committed` are where an earlier run stopped."""
        self.agreement = LocalAgreement(committed)
        self.endpoints = EndpointDetector(start, endpointing)
        self.events: list[Event] = []
        self.options = options
        self.decoded_to = start
        self.busy = False
        self.ended = False
        self.utterance = 0
        self._buffer = self._range_start = start
        self._without_prefix = False
        self._agreed_to = start
        self._first_word = len(self.agreement.committed)
        self._active: Utterance | None = None
        self._paragraphs = Paragraphs()
        self._paragraph = 0
        self._revision = 0
        self._emitted = (0, "")
        self._flushes: deque[int] = deque()
        self._language = ""

    @property
    def done(self) -> bool:
        """True if the recording has ended and all of it is decoded."""
        return self.ended and not self.busy and self.endpoints.current is None

    @property
    def committed_to(self) -> int:
        """Up to this sample, everything is committed or silent."""
        return self._buffer if self.endpoints.current else self.endpoints.position

    @property
    def buffer_seconds(self) -> float:
        """Length of the buffer."""
        return (self.endpoints.position - self._buffer) / SAMPLE_RATE if self.endpoints.current else 0.0

    def lag_seconds(self, received: int) -> float:
        """Seconds of audio received and not decoded yet; `received` is in samples."""
        processed_to = self.decoded_to if self.endpoints.current else self.endpoints.position
        return max(0, received - processed_to) / SAMPLE_RATE

    def feed_vad(self, probabilities: Iterable[float]) -> None:
        """Takes the speech probabilities of the next frames."""
        self.events += map(_edge_event, self.endpoints.feed(probabilities))
        self._process_endpoints()

    def flush(self) -> None:
        """Ends the open utterance here; `Flushed` follows once all words before are committed."""
        self.events += map(_edge_event, self.endpoints.cut())
        self._flushes.append(self.endpoints.position)
        self._process_endpoints()

    def end(self, samples: int) -> None:
        """Ends the recording after this many samples; the open utterance is decoded to its end."""
        self.ended = True
        self.events += map(_edge_event, self.endpoints.end(samples))
        self._process_endpoints()

    def next_task_kind(self, interval_seconds: float | None) -> TaskKind | None:
        """The kind of the task that is due; `interval_seconds` None: only for utterances that have ended."""
        utterance = self.endpoints.current
        if self.busy:
            return None
        if utterance is None:
            return "refine" if self._paragraphs and not self.ended else None
        if (utterance.stop or self.endpoints.position) - self._buffer > MAX_BUFFER_SECONDS * SAMPLE_RATE:
            return "long"
        if utterance.stop is not None:
            return "final"
        if interval_seconds is None:
            return None
        if self.endpoints.silence >= CANDIDATE_SECONDS * SAMPLE_RATE:
            covered = self.decoded_to >= self.endpoints.last_voice + COVERS_SECONDS * SAMPLE_RATE
            return None if covered else "candidate"
        new_samples = self.endpoints.position - self.decoded_to
        return "step" if new_samples >= interval_seconds * SAMPLE_RATE else None

    def start_task(self, kind: TaskKind) -> DecodeTask:
        """Creates the task of this kind. No other task is due until its result is passed back."""
        self.busy = True
        if kind == "refine":
            paragraph = self._paragraphs.pop()
            return DecodeTask(kind, paragraph.start, paragraph.stop, self.options, paragraph)
        utterance = self.endpoints.current
        assert utterance is not None  # noqa: S101 - checked by `next_task_kind`
        stop = self.endpoints.position if utterance.stop is None else utterance.stop
        stop = min(stop, self._buffer + round(MAX_BUFFER_SECONDS * SAMPLE_RATE))
        self.decoded_to = stop
        prefix = () if self._without_prefix or kind == "long" else self.agreement.committed_in_buffer
        prefix_stop = round(prefix[-1].end * SAMPLE_RATE) if prefix else 0
        return DecodeTask(
            kind, self._buffer, stop, self.options, prefix=text_of(prefix), prefix_stop=prefix_stop
        )

    def finish_task(self, task: DecodeTask, result: WindowResult | None) -> None:
        """Takes the result of a task; None if the engine failed."""
        self.busy = False
        if result and result.segments:
            self._language = result.language
        words = words_of(result, task.start / SAMPLE_RATE) if result else []
        looped = result is not None and any(dropped.reason == "repetition" for dropped in result.dropped)
        if task.kind == "refine":
            self._refine(task, result, words, looped)
        elif result and self._prefix_seems_wrong(task, words):
            self._without_prefix = True
            self.decoded_to = self._range_start
        elif task.kind == "final":
            self._commit(self.agreement.commit_all(words if result else None))
            self._fix_language(result)
            self._close()
        elif task.kind == "long":
            self._cut_long(task, words)
        elif result and not looped and self._is_language_sure(result):
            agreed = self.agreement.update(words)
            self._commit(agreed)
            self._without_prefix = self._without_prefix and not agreed
            self._agreed_to = task.stop
            self._trim()
        self._process_endpoints()
        self._emit_partial()

    def _prefix_seems_wrong(self, task: DecodeTask, words: Sequence[Word]) -> bool:
        """True if decoding with a prefix found no new words in `STALL_SECONDS` of further speech.

        The prefix is then probably wrong; it is not used again until new words are committed.
        """
        voiced_to = min(self.endpoints.last_voice, task.stop)
        no_new_words = len(words) <= len(self.agreement.committed_in_buffer)
        speech_continued = voiced_to > task.prefix_stop + STALL_SECONDS * SAMPLE_RATE
        return bool(task.prefix) and no_new_words and speech_continued

    def _process_endpoints(self) -> None:
        """Begins the current utterance, and closes it if its end is decoded already."""
        while (current := self.endpoints.current) and not self.busy:
            if current is not self._active:
                self._begin(current)
            if not self._is_decoded(current):
                break
            self._commit(self.agreement.commit_all())
            self._close()
            self._emit_partial()
        if self.endpoints.current is None:
            self._paragraphs.pause(self.endpoints.position)
        while self._flushes and (current is None or current.start >= self._flushes[0]):
            self.events.append(Flushed(self._flushes.popleft() / SAMPLE_RATE, self._detected_language))

    def _is_decoded(self, utterance: Utterance) -> bool:
        """True if an utterance has ended and agreement reached past its last voiced frame."""
        if utterance.stop is None:
            return False
        return self._agreed_to >= min(
            utterance.voice_stop + round(COVERS_SECONDS * SAMPLE_RATE), utterance.stop
        )

    def _begin(self, utterance: Utterance) -> None:
        self._active = utterance
        self._range_start = self.decoded_to = utterance.start
        self._first_word = len(self.agreement.committed)
        self._buffer = context_start(self.agreement.committed, utterance.start)
        self._without_prefix = False
        self.agreement.reset(self._buffer / SAMPLE_RATE)

    def _close(self) -> None:
        """Removes the current utterance, which is committed to its end."""
        utterance = self.endpoints.utterances.popleft()
        stop = utterance.stop or self.endpoints.position
        self._end_range(stop)
        self.events.append(
            UtteranceEnded(
                self.utterance,
                utterance.start / SAMPLE_RATE,
                stop / SAMPLE_RATE,
                self._detected_language,
            )
        )
        self._range_start = self._buffer = self.decoded_to = stop
        self.utterance += 1

    def _end_range(self, stop: int) -> None:
        count = len(self.agreement.committed)
        self._paragraphs.add(SpeechRange(self._range_start, stop, self._first_word, count))
        self._first_word = count

    def _cut_long(self, task: DecodeTask, words: Sequence[Word]) -> None:
        """Commits a buffer of maximum length except its unstable tail, and moves the buffer behind it."""
        committed = self.agreement.commit_before(words, task.stop / SAMPLE_RATE - UNSTABLE_TAIL_SECONDS)
        self._commit(committed)
        end = round(committed[-1].end * SAMPLE_RATE) if committed else task.stop
        self._cut(max(end, task.start + SAMPLE_RATE))

    def _trim(self) -> None:
        """Trims the buffer: at the last committed boundary or, if it is long, behind the last word."""
        length = (self.decoded_to - self._buffer) / SAMPLE_RATE
        if length <= TRIM_SECONDS:
            return
        committed = self.agreement.committed_in_buffer
        following = [*committed[1:], *self.agreement.tentative[:1]]
        for word, after in reversed(list(zip(committed, following, strict=False))):
            if is_boundary(word, after):
                self._cut(round((word.end + max(after.start, word.end)) / 2 * SAMPLE_RATE))
                return
        if length > HARD_TRIM_SECONDS and committed:
            self._cut(round(committed[-1].end * SAMPLE_RATE))

    def _cut(self, sample: int) -> None:
        if sample <= self._range_start:
            return
        word_count = self.agreement.count_before(sample / SAMPLE_RATE)
        self._paragraphs.add(SpeechRange(self._range_start, sample, self._first_word, word_count))
        self._first_word = word_count
        self._range_start = sample
        context = context_start(self.agreement.committed, sample, TRIM_CONTEXT_SECONDS)
        self._buffer = max(self._buffer, context)
        self.agreement.trim_before(self._buffer / SAMPLE_RATE)
        self.decoded_to = max(self.decoded_to, sample)

    def _refine(self, task: DecodeTask, result: WindowResult | None, words: list[Word], looped: bool) -> None:
        """Publishes the surer words of a paragraph, unless the second ones are fewer by half."""
        paragraph = task.paragraph
        assert paragraph is not None  # noqa: S101 - a refine task has one
        if result is None or looped or 2 * len(words) < paragraph.stop_word - paragraph.first_word:
            return
        committed = self.agreement.committed[paragraph.first_word : paragraph.stop_word]
        surer = surer_words(committed, words)
        self.events.append(
            Refined(self._paragraph, paragraph.first_word, paragraph.stop_word, surer, result.language)
        )
        self._paragraph += 1

    def _is_language_sure(self, result: WindowResult) -> bool:
        """True if it is sure enough to show words in it; words in a wrong script would be shown otherwise."""
        return self.options.language is not None or result.language_probability >= MIN_LANGUAGE_PROBABILITY

    def _fix_language(self, result: WindowResult | None) -> None:
        """Fixes the language of the session at the first utterance that detects it with high probability."""
        if self.options.language is not None or result is None:
            return
        if result.segments and result.language_probability >= MIN_LANGUAGE_PROBABILITY:
            self.options = replace(self.options, language=result.language)

    @property
    def _detected_language(self) -> str:
        return self.options.language or self._language

    def _commit(self, words: tuple[Word, ...]) -> None:
        if words:
            first = len(self.agreement.committed) - len(words)
            self.events.append(Committed(self.utterance, first, words))

    def _emit_partial(self) -> None:
        """Emits a partial if the tentative words have changed."""
        tentative = self.agreement.tentative
        current = (len(self.agreement.committed), text_of(tentative))
        if current == self._emitted or not (current[1] or self._emitted[1]):
            return
        self._emitted = current
        self._revision += 1
        start, end = (tentative[0].start, tentative[-1].end) if tentative else (0.0, 0.0)
        self.events.append(Partial(self._revision, *current, round(start, 2), round(end, 2)))


def _edge_event(edge: SpeechEdge) -> Event:
    return LongPause(edge.at_seconds) if edge.long_pause else SpeechActivity(edge.speech, edge.at_seconds)
