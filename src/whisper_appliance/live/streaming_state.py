"""One microphone: what of its recording is to be heard next, and what comes of it.

No I/O, no clock, no threads in here. A session is told what the voice detector says (`hear`), asked what
it wants (`want`), made to hand out a job (`take`), and given the engine's answer (`apply`). Positions are
samples from the beginning of the recording; the buffer is the stretch that is heard again and again until its
words are settled.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import Options, Window, WindowResult
from whisper_appliance.live.endpointing import EndpointDetector, Utterance
from whisper_appliance.live.events import Committed, Event, Partial, Refined, SpeechActivity
from whisper_appliance.live.hypothesis import context_start, is_boundary, words_of
from whisper_appliance.live.local_agreement import LocalAgreement, text_of
from whisper_appliance.live.paragraphs import Paragraphs, SpeechRange
from whisper_appliance.transcript.model import Word

CANDIDATE_SECONDS = 0.25
COVERS_SECONDS = 0.1
TRIM_SECONDS = 7.0
HARD_TRIM_SECONDS = 10.0
TRIM_CONTEXT_SECONDS = 2.0
MAX_BUFFER_SECONDS = 28.0
UNSURE_TAIL_SECONDS = 1.0
STALL_SECONDS = 0.8
SURE_OF_LANGUAGE = 0.6

TaskKind = Literal["step", "candidate", "final", "long", "refine"]


@dataclass(frozen=True, slots=True)
class DecodeTask:
    """A stretch of the recording to be heard, and what for.

    step: the growing buffer. candidate: the same while a pause begins, in case it ends the utterance.
    final: an utterance that has ended. long: a buffer that must be cut. refine: a paragraph.
    `known` are words that it begins with, up to `known_stop`: the hearing goes on from there.
    """

    kind: TaskKind
    start: int
    stop: int
    options: Options
    paragraph: SpeechRange | None = None
    prefix: str = ""
    prefix_stop: int = 0

    def window(self, samples: Samples) -> Window:
        """What the engine is given, with the job's samples."""
        known_seconds = max(0, self.prefix_stop - self.start) / SAMPLE_RATE
        return Window(samples, self.options, prefix_text=self.prefix, prefix_seconds=known_seconds)

    @property
    def urgent(self) -> bool:
        """Whether somebody has stopped speaking and waits for the words."""
        return self.kind in ("final", "long")


class StreamingState:
    """The state of one microphone. Not thread-safe: its owner calls it from one thread."""

    def __init__(self, options: Options, *, start: int = 0, committed: Iterable[Word] = ()) -> None:
        """`start` and `committed` say where an earlier run left off."""
        self.agreement = LocalAgreement(committed)
        self.endpoints = EndpointDetector(start)
        self.events: list[Event] = []
        self.options = options
        self.decoded_to = start
        self.busy = False
        self.ended = False
        self.utterance = 0
        self._buffer = self._piece = start
        self._doubting = False
        self._agreed_to = start
        self._first_word = len(self.agreement.committed)
        self._working_on: Utterance | None = None
        self._paragraphs = Paragraphs()
        self._paragraph = 0
        self._revision = 0
        self._shown = (0, "")

    @property
    def done(self) -> bool:
        """Whether all is heard of a recording that has ended."""
        return self.ended and not self.busy and self.endpoints.current is None

    @property
    def committed_to(self) -> int:
        """Before this sample nothing is left to be heard."""
        return self._buffer if self.endpoints.current else self.endpoints.position

    @property
    def buffer_seconds(self) -> float:
        """How long the stretch is that is heard again and again."""
        return (self.endpoints.position - self._buffer) / SAMPLE_RATE if self.endpoints.current else 0.0

    def lag_seconds(self, received: int) -> float:
        """How much audio, of what was received, nobody has looked at yet."""
        looked_at = self.decoded_to if self.endpoints.current else self.endpoints.position
        return max(0, received - looked_at) / SAMPLE_RATE

    def feed_vad(self, probabilities: Iterable[float]) -> None:
        """Takes what the voice detector says of the next frames."""
        self.events += [
            SpeechActivity(turn.speech, turn.at_seconds) for turn in self.endpoints.feed(probabilities)
        ]
        self._process_endpoints()

    def end(self, samples: int) -> None:
        """The recording ends here; what is open is heard to its end."""
        self.ended = True
        self.events += [SpeechActivity(turn.speech, turn.at_seconds) for turn in self.endpoints.end(samples)]
        self._process_endpoints()

    def next_task_kind(self, decode_interval_seconds: float | None) -> TaskKind | None:
        """What is to be heard next; `decode_interval_seconds` None suspends all but what has ended."""
        utterance = self.endpoints.current
        if self.busy:
            return None
        if utterance is None:
            return "refine" if self._paragraphs and not self.ended else None
        if (utterance.stop or self.endpoints.position) - self._buffer > MAX_BUFFER_SECONDS * SAMPLE_RATE:
            return "long"
        if utterance.stop is not None:
            return "final"
        if decode_interval_seconds is None:
            return None
        if self.endpoints.silence >= CANDIDATE_SECONDS * SAMPLE_RATE:
            covered = self.decoded_to >= self.endpoints.last_voice + COVERS_SECONDS * SAMPLE_RATE
            return None if covered else "candidate"
        return (
            "step"
            if self.endpoints.position - self.decoded_to >= decode_interval_seconds * SAMPLE_RATE
            else None
        )

    def start_task(self, kind: TaskKind) -> DecodeTask:
        """The job for what is wanted; until its answer is applied, the session wants nothing."""
        self.busy = True
        if kind == "refine":
            piece = self._paragraphs.pop()
            return DecodeTask(kind, piece.start, piece.stop, self.options, piece)
        utterance = self.endpoints.current
        assert utterance is not None  # noqa: S101 - `want` has looked
        stop = self.endpoints.position if utterance.stop is None else utterance.stop
        stop = min(stop, self._buffer + round(MAX_BUFFER_SECONDS * SAMPLE_RATE))
        self.decoded_to = stop
        inside = () if self._doubting or kind == "long" else self.agreement.committed_in_buffer
        known_stop = round(inside[-1].end * SAMPLE_RATE) if inside else 0
        return DecodeTask(
            kind, self._buffer, stop, self.options, prefix=text_of(inside), prefix_stop=known_stop
        )

    def finish_task(self, job: DecodeTask, result: WindowResult | None) -> None:
        """Takes the answer to a job; None where the engine could not give one."""
        self.busy = False
        words = words_of(result, job.start / SAMPLE_RATE) if result else []
        looped = result is not None and any(dropped.reason == "repetition" for dropped in result.dropped)
        if job.kind == "refine":
            self._refine(job, result, words, looped)
        elif result and self._prefix_seems_wrong(job, words):
            self._doubting = True
            self.decoded_to = self._piece
        elif job.kind == "final":
            self._commit(self.agreement.commit_all(words if result else None))
            self._learn_language(result)
            self._close()
        elif job.kind == "long":
            self._cut_long(job, words)
        elif result and not looped:
            agreed = self.agreement.update(words)
            self._commit(agreed)
            self._doubting = self._doubting and not agreed
            self._agreed_to = job.stop
            self._trim()
        self._process_endpoints()
        self._emit_partial()

    def _prefix_seems_wrong(self, job: DecodeTask, words: Sequence[Word]) -> bool:
        """Whether a hearing found nothing behind what it was told, although somebody spoke on for a while.

        Then what it was told may be wrong, and it is not told again until words settle.
        """
        voiced_to = min(self.endpoints.last_voice, job.stop)
        silent = len(words) <= len(self.agreement.committed_in_buffer)
        return bool(job.prefix) and silent and voiced_to > job.prefix_stop + STALL_SECONDS * SAMPLE_RATE

    def _process_endpoints(self) -> None:
        """Turns to the utterance that is current now, and ends one that has been heard whole already."""
        while not self.busy and (current := self.endpoints.current):
            if current is not self._working_on:
                self._begin(current)
            if not self._is_decoded(current):
                break
            self._commit(self.agreement.commit_all())
            self._close()
            self._emit_partial()
        if self.endpoints.current is None:
            self._paragraphs.pause(self.endpoints.position)

    def _is_decoded(self, utterance: Utterance) -> bool:
        """Whether an utterance has ended, and what was heard of it reached past everything that was said."""
        if utterance.stop is None:
            return False
        return self._agreed_to >= min(
            utterance.voice_stop + round(COVERS_SECONDS * SAMPLE_RATE), utterance.stop
        )

    def _begin(self, utterance: Utterance) -> None:
        self._working_on = utterance
        self._piece = self.decoded_to = utterance.start
        self._first_word = len(self.agreement.committed)
        self._buffer = context_start(self.agreement.committed, utterance.start)
        self._doubting = False
        self.agreement.reset(self._buffer / SAMPLE_RATE)

    def _close(self) -> None:
        """The current utterance has been dealt with."""
        utterance = self.endpoints.utterances.popleft()
        stop = utterance.stop or self.endpoints.position
        self._end_piece(stop)
        self._piece = self._buffer = self.decoded_to = stop
        self.utterance += 1

    def _end_piece(self, stop: int) -> None:
        count = len(self.agreement.committed)
        self._paragraphs.add(SpeechRange(self._piece, stop, self._first_word, count))
        self._first_word = count

    def _cut_long(self, job: DecodeTask, words: Sequence[Word]) -> None:
        """A buffer at its limit: what is not at its very end is settled, and heard no more."""
        settled = self.agreement.commit_before(words, job.stop / SAMPLE_RATE - UNSURE_TAIL_SECONDS)
        self._commit(settled)
        end = round(settled[-1].end * SAMPLE_RATE) if settled else job.stop
        self._cut(max(end, job.start + SAMPLE_RATE))

    def _trim(self) -> None:
        """Keeps the buffer short: cuts it in the last settled pause or, when it is long, at the last word."""
        length = (self.decoded_to - self._buffer) / SAMPLE_RATE
        if length <= TRIM_SECONDS:
            return
        inside = self.agreement.committed_in_buffer
        following = [*inside[1:], *self.agreement.tentative[:1]]
        for word, after in reversed(list(zip(inside, following, strict=False))):
            if is_boundary(word, after):
                self._cut(round((word.end + max(after.start, word.end)) / 2 * SAMPLE_RATE))
                return
        if length > HARD_TRIM_SECONDS and inside:
            self._cut(round(inside[-1].end * SAMPLE_RATE))

    def _cut(self, sample: int) -> None:
        if sample <= self._piece:
            return
        kept = self.agreement.count_before(sample / SAMPLE_RATE)
        self._paragraphs.add(SpeechRange(self._piece, sample, self._first_word, kept))
        self._first_word = kept
        self._piece = sample
        context = context_start(self.agreement.committed, sample, TRIM_CONTEXT_SECONDS)
        self._buffer = max(self._buffer, context)
        self.agreement.trim_before(self._buffer / SAMPLE_RATE)
        self.decoded_to = max(self.decoded_to, sample)

    def _refine(self, job: DecodeTask, result: WindowResult | None, words: list[Word], looped: bool) -> None:
        """Takes better words for a paragraph, unless they are fewer by half: then something was missed."""
        piece = job.paragraph
        assert piece is not None  # noqa: S101 - a job to refine has one
        if result is None or looped or 2 * len(words) < piece.stop_word - piece.first_word:
            return
        self.events.append(
            Refined(self._paragraph, piece.first_word, piece.stop_word, tuple(words), result.language)
        )
        self._paragraph += 1

    def _learn_language(self, result: WindowResult | None) -> None:
        """The language of the first utterance that leaves little doubt is the language of the session."""
        sure = result and result.segments and result.language_probability >= SURE_OF_LANGUAGE
        if self.options.language is None and result and sure:
            self.options = replace(self.options, language=result.language)

    def _commit(self, words: tuple[Word, ...]) -> None:
        if words:
            first = len(self.agreement.committed) - len(words)
            self.events.append(Committed(self.utterance, first, words))

    def _emit_partial(self) -> None:
        """Tells the tentative words where they have changed."""
        tentative = self.agreement.tentative
        shown = (len(self.agreement.committed), text_of(tentative))
        if shown == self._shown or not (shown[1] or self._shown[1]):
            return
        self._shown = shown
        self._revision += 1
        start, end = (tentative[0].start, tentative[-1].end) if tentative else (0.0, 0.0)
        self.events.append(Partial(self._revision, *shown, round(start, 2), round(end, 2)))
