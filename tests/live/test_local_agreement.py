"""LocalAgreement: committed words never change, and every word is committed once."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.speech import decoded, packets, silence, speech_probabilities, spoken
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import Options, WindowResult
from whisper_appliance.engines.vad import FRAME
from whisper_appliance.live.local_agreement import LocalAgreement, text_of
from whisper_appliance.live.replay import ReplayedState
from whisper_appliance.live.spool import samples_of
from whisper_appliance.live.streaming_state import DecodeTask, StreamingState
from whisper_appliance.transcript.model import Segment, Word


def hearing(text: str, start: float = 0.0) -> list[Word]:
    """Words of half a second each."""
    return [Word(start + i / 2, start + i / 2 + 0.4, f" {w}", 0.9) for i, w in enumerate(text.split())]


def test_a_word_is_committed_once_two_hypotheses_agree() -> None:
    captions = LocalAgreement()
    assert captions.update(hearing("it was the best of tines")) == ()
    assert text_of(captions.update(hearing("It was the best of times, it"))) == " It was the best of"
    assert text_of(captions.tentative) == " times, it"
    assert text_of(captions.update(hearing("It was the best of times, it was"))) == " times, it"


def test_committed_words_are_recognized_although_times_and_spelling_vary() -> None:
    captions = LocalAgreement()
    captions.update(hearing("we had nothing before us"))
    captions.update(hearing("we had nothing before us"))
    assert captions.update(hearing("We have nothing before us we were", start=0.3)) == ()
    assert text_of(captions.commit_all(hearing("We had, nothing before us we were all"))) == " we were all"


def test_punctuation_at_the_end_of_the_audio_is_not_committed() -> None:
    captions = LocalAgreement()
    captions.update(hearing("it was the."))
    assert text_of(captions.update(hearing("it was the."))) == " it was"
    assert text_of(captions.update(hearing("it was the best of"))) == " the"


def test_a_trimmed_buffer_drops_the_words_before_it() -> None:
    captions = LocalAgreement()
    captions.commit_all(hearing("one two three four"))
    captions.trim_before(1.0)
    assert text_of(captions.committed_in_buffer) == " three four"
    assert text_of(captions.update(hearing("three four five", start=1.0))) == ""
    assert text_of(captions.tentative) == " five"


WORDS = st.lists(st.sampled_from(["a", "a.", "B", "b,", "c", "-", "…", "d!"]), max_size=12)
HEARINGS = st.lists(
    st.tuples(st.sampled_from(["agree", "settle", "before", "cut", "begin"]), WORDS, st.floats(0, 8)),
    max_size=30,
)


@given(HEARINGS)
def test_committed_words_never_change(hearings: list[tuple[str, list[str], float]]) -> None:
    captions = LocalAgreement()
    before: list[Word] = []
    for what, words, seconds in hearings:
        spoken_words = hearing(" ".join(words), start=seconds / 2)
        match what:
            case "agree":
                returned = captions.update(spoken_words)
            case "settle":
                returned = captions.commit_all(spoken_words)
            case "before":
                returned = captions.commit_before(spoken_words, seconds)
            case "cut":
                returned = ()
                captions.trim_before(seconds)
            case _:
                returned = ()
                captions.reset(seconds)
        now = list(captions.committed)
        assert now == [*before, *returned]
        assert all(one.end <= other.start for one, other in pairwise(now))
        before = now


def recording(utterances: list[tuple[int, float]]) -> tuple[Samples, list[str]]:
    """Groups of (word count, pause behind them), and all of the words."""
    pcm, count = b"", 1
    for words, pause in utterances:
        pcm += spoken(count, count + words) + silence(pause)
        count += words
    return samples_of(pcm), [f" w{number}" for number in range(1, count)]


UTTERANCES = st.lists(st.tuples(st.integers(1, 40), st.floats(0.1, 2.5)), min_size=1, max_size=3)


@settings(deadline=None, max_examples=25)
@given(
    utterances=UTTERANCES,
    sizes=st.lists(st.integers(100, 40_000), min_size=1, max_size=6),
    hurry=st.lists(st.integers(0, 5), min_size=1, max_size=6).filter(any),
)
def test_every_word_is_committed_once_for_any_packets_and_any_pace(
    utterances: list[tuple[int, float]], sizes: list[int], hurry: list[int]
) -> None:
    """`hurry`: the number of packets that arrive during one decode."""
    samples, words = recording(utterances)
    session = StreamingState(Options())
    at = step = 0
    settled: list[Word] = []
    job = None
    while not session.done:
        if at < len(samples):
            for _ in range(hurry[step % len(hurry)]):
                stop = min(at + sizes[step % len(sizes)], len(samples))
                whole = (stop - session.endpoints.position) // FRAME * FRAME
                start = session.endpoints.position
                session.feed_vad(speech_probabilities(samples[start : start + whole]).tolist())
                at = stop
                step += 1
            step += 1
        elif not session.ended:
            session.end(len(samples))
        if job:
            session.finish_task(job, decoded(samples[job.start : job.stop]))
            job = None
        assert list(session.agreement.committed[: len(settled)]) == settled
        settled = list(session.agreement.committed)
        if kind := session.next_task_kind(0.5):
            job = session.start_task(kind)
            assert job.stop - job.start <= 28 * 16000
    assert [word.word for word in settled if word.word != " eh"] == words


@settings(deadline=None, max_examples=25)
@given(
    utterances=UTTERANCES,
    lives=st.lists(st.integers(1, 12), max_size=6),
    wobble=st.lists(st.floats(-0.08, 0.08), min_size=1, max_size=5),
)
def test_restarts_commit_no_word_twice_and_lose_none(
    utterances: list[tuple[int, float]], lives: list[int], wobble: list[float]
) -> None:
    """`lives`: the number of decodes before each crash. The times of words vary a little."""
    samples, words = recording(utterances)
    wobbles = itertools.cycle(wobble)
    told = ReplayedState()
    for hearings in [*lives, None]:
        session = StreamingState(Options(), start=told.resume_point, committed=told.words)
        live_through(session, samples, hearings, wobbles)
        told.words = list(session.agreement.committed)
        if session.endpoints.current is None:
            told.decoded_samples = session.committed_to
    assert [word.word for word in told.words] == words


def live_through(
    session: StreamingState, samples: Samples, hearings: int | None, wobbles: Iterator[float]
) -> None:
    """Packets of 0.3 s, each followed by the tasks that are due, until the end or for some decodes."""
    count = 0
    while not session.done and (hearings is None or count < hearings):
        start = session.endpoints.position
        stop = min(start + 9 * FRAME, start + (len(samples) - start) // FRAME * FRAME)
        if stop > start:
            session.feed_vad(speech_probabilities(samples[start:stop]).tolist())
        elif not session.ended:
            session.end(len(samples))
        if kind := session.next_task_kind(0.5):
            job = session.start_task(kind)
            session.finish_task(job, told_again(job, samples, next(wobbles)))
            count += 1


def told_again(job: DecodeTask, samples: Samples, wobble: float) -> WindowResult:
    """The result of a decoder that continues from a prefix, with slightly different times."""
    result = decoded(samples[job.start : job.stop])
    known = job.prefix.split()
    said = [word for segment in result.segments for word in segment.words if word.word != " eh"]
    new = [word for word in said if not known or int(word.word[2:]) > int(known[-1][1:])]
    first = new[0].start if new else (job.stop - job.start) / SAMPLE_RATE
    begun = [Word(first * at / len(known), first * (at + 1) / len(known), f" {word}", 0.9)
             for at, word in enumerate(known)]  # fmt: skip
    off = [replace(word, start=max(0.0, word.start + wobble), end=word.end + wobble) for word in new]
    return replace(result, segments=(Segment(0.0, 1.0, "", words=(*begun, *off)),))


def test_packets_join_to_the_audio_they_were_cut_from() -> None:
    assert b"".join(packets(spoken(1, 3), 7)) == spoken(1, 3)
