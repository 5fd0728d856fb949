"""Time left: what the queue still has to do before a job ends, at the pace that is measured or remembered."""

import heapq
import itertools
import math
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from whisper_appliance.engines.contract import Priority
from whisper_appliance.jobs.pace import Kind, Pace, PaceMemory
from whisper_appliance.jobs.time_left import TimeLeft, Work, work_until_end

BASE, ACCURATE = Kind("base", "balanced"), Kind("base", "accurate")
COSTS = {BASE: 0.025, ACCURATE: 0.035}


def batch(job_id: str, left: float, done: float = 0.0) -> Work:
    return Work(job_id, Priority.BATCH, "batch", BASE, done, left)


class Time:
    """A clock that a test moves."""

    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_job_alone_needs_its_own_work() -> None:
    assert work_until_end([batch("a", 600)]) == {"a": 600}


def test_two_jobs_share_the_engine_and_a_third_waits_for_a_place() -> None:
    ends = work_until_end([batch("a", 100), batch("b", 100), batch("c", 60)])
    assert ends == {"a": 180, "c": 240, "b": 260}


def test_a_new_short_job_overtakes_a_long_one() -> None:
    ends = work_until_end([batch("long", 3000, done=600), batch("short", 40)])
    assert ends == {"short": 40, "long": 3040}


def test_interactive_jobs_go_first() -> None:
    work = [batch("file", 100), Work("clip", Priority.INTERACTIVE, "interactive", BASE, 0.0, 3.0)]
    assert work_until_end(work) == {"clip": 3.0, "file": 103.0}


def test_the_pace_counts_time_at_work_only() -> None:
    clock = Time()
    pace = Pace(clock)
    clock.seconds += 1000
    pace.job_started("a", BASE, 0.0)
    assert pace.work_seconds(100) is None
    for step in range(11):
        clock.seconds += 1
        pace.window_decoded("a", 20.0)
        pace.window_finished("a", 20.0, step * 20.0)
    assert pace.work_seconds(100 * pace.cost(BASE)) == pytest.approx(5, abs=0.3)
    pace.job_stopped("a")
    clock.seconds += 5000
    assert pace.work_seconds(100 * pace.cost(BASE)) == pytest.approx(5)


def test_windows_that_were_decoded_ahead_count() -> None:
    pace = Pace(Time())
    pace.job_started("a", BASE, 60.0)
    for _ in range(3):
        pace.window_decoded("a", 20.0)
    assert pace.done_seconds("a") == 120
    pace.window_finished("a", 20.0, 95.0)  # with fifteen seconds of silence before it
    assert pace.done_seconds("a") == 135
    assert pace.done_seconds("b") is None


def test_an_estimate_falls_with_time_and_grows_only_for_a_reason() -> None:
    clock = Time()
    work = [batch("a", 1000)]
    left = TimeLeft(lambda: work, clock)
    assert left.seconds() == {}
    left.pace.job_started("a", BASE, 0.0)
    for _ in range(11):
        clock.seconds += 1
        left.pace.window_decoded("a", 10.0)
    first = left.seconds()["a"]
    assert first == pytest.approx(89, abs=0.5)
    clock.seconds += 0.5
    assert left.seconds()["a"] == pytest.approx(first - 0.5)
    clock.seconds += 1.5  # a little slower than before: that is no reason
    left.pace.window_decoded("a", 10.0)
    assert left.seconds()["a"] == pytest.approx(first - 2)
    clock.seconds += 2
    work[:] = [batch("b", 500), batch("a", 1000)]
    assert left.seconds()["a"] > 120, "another job goes first"


@pytest.mark.parametrize("done", [0.0, 160.0])
def test_no_estimate_says_that_nothing_is_left_before_the_end(done: float, tmp_path: Path) -> None:
    clock = Time()
    left = TimeLeft(lambda: [batch("a", 320 - done, done)], clock, remembered(tmp_path))
    left.pace.job_started("a", BASE, 0.0)
    for _ in range(8 if done else 0):
        clock.seconds += 0.5
        left.pace.window_decoded("a", 20.0)
    shown = []
    for _ in range(60):  # in which nothing more is decoded, because the machine has much else to do
        clock.seconds += 1
        shown.append(left.seconds()["a"])
    assert min(shown) >= 1
    assert shown[-1] > 5, "what takes so long takes longer"


def test_an_estimate_is_made_anew_once_the_length_is_known(tmp_path: Path) -> None:
    clock = Time()
    work = [batch("a", 600)]
    left = TimeLeft(lambda: work, clock, remembered(tmp_path))
    left.pace.job_started("a", BASE, 0.0)
    guessed = left.seconds()["a"]
    clock.seconds += 1
    work[:] = [batch("a", 300)]
    assert left.seconds()["a"] == pytest.approx(guessed / 2 - 1, abs=0.5)


DECODED = (
    (32.4, 21.5), (32.4, 9.7), (106.3, 16.1), (106.3, 17.3), (117.4, 23.8), (117.4, 20.0), (117.4, 22.5),
    (157.1, 21.5), (165.8, 17.5), (165.8, 20.0), (211.2, 21.4), (220.3, 26.5), (240.1, 17.6), (254.4, 27.6),
    (281.6, 22.2), (309.0, 5.1),
)  # fmt: skip
"""Of a recording of 319 s on a busy machine: when a window was decoded, and its length; at last retries."""


@pytest.mark.parametrize("speed", [1, 5, 25])
def test_a_first_recording_has_an_estimate_from_its_first_windows_on(speed: float) -> None:
    clock = Time()
    left = TimeLeft(lambda: [batch("a", 319.3)], clock)
    begin, end, checked, right = clock.seconds, DECODED[-1][0] / speed, 0, 0
    left.pace.job_started("a", BASE, 0.0)
    clock.seconds = begin = begin + 30  # while the model is loaded
    left.pace.window_decoded("a", 0.0)
    for (at, seconds), (following, _) in itertools.pairwise(DECODED):
        clock.seconds = begin + at / speed
        left.pace.window_decoded("a", seconds)
        while at < following and (now := clock.seconds - begin) < following / speed:
            checked += 1
            right += abs(left.seconds()["a"] - (end - now)) <= max((end - now) / 3, 5.0)
            clock.seconds += min(1.0, end / 40)
    assert checked > 20
    assert right >= 0.75 * checked


def test_nothing_is_estimated_from_the_first_window_alone() -> None:
    clock = Time()
    left = TimeLeft(lambda: [batch("a", 600)], clock)
    left.pace.job_started("a", BASE, 0.0)
    left.pace.window_decoded("a", 0.0)
    clock.seconds += 10
    left.pace.window_decoded("a", 8.0)
    assert left.seconds() == {}


@dataclass
class Machine:
    """Two workers that decode batches of four windows, each window as long as `COSTS` says, or so."""

    left: TimeLeft
    clock: Time
    jobs: list[Work]
    slowness: float = 1.0
    chance: float = 0.2
    changes: tuple[float, float] = (math.inf, 1.0)
    """From when on windows take so many times as long."""
    results_since: int = 0
    """Batches that ended since then."""
    ended: dict[str, float] = field(default_factory=dict)
    shown: list[tuple[str, float, float, float]] = field(default_factory=list)
    """Of a job: its progress, when, and the seconds that were left."""

    def run(self) -> None:
        """Works until all jobs have ended; the estimates are read every second."""
        chance = random.Random(1)
        taken, done = ({job.job_id: 0.0 for job in self.jobs} for _ in range(2))
        running: list[tuple[float, int, Work, float]] = []
        for number in itertools.count():
            while len(running) < 2 and (
                ready := [job for job in self._started() if taken[job.job_id] < job.left_seconds]
            ):
                job = min(ready, key=lambda one: taken[one.job_id])
                audio = min(80.0, job.left_seconds - taken[job.job_id])
                seconds = (
                    2
                    * audio
                    * COSTS[job.kind]
                    * self.slowness
                    * (self.changes[1] if self.clock.seconds >= self.changes[0] else 1.0)
                    * chance.uniform(1 - self.chance, 1 + self.chance)
                )
                heapq.heappush(running, (self.clock.seconds + seconds, number, job, audio))
                taken[job.job_id] += audio
            if not running:
                return
            at, _, job, audio = heapq.heappop(running)
            self._read_until(at, done)
            self.results_since += at > self.changes[0]
            for _ in range(round(audio / 20)):
                self.left.pace.window_decoded(job.job_id, 20.0)
            done[job.job_id] += audio
            if done[job.job_id] == job.left_seconds:
                self.ended[job.job_id] = self.clock.seconds
                self.jobs.remove(job)
                self.left.pace.job_stopped(job.job_id)

    def _started(self) -> list[Work]:
        for job in self.jobs[:2]:
            if self.left.pace.done_seconds(job.job_id) is None:
                self.left.pace.job_started(job.job_id, job.kind, 0.0)
                self.left.pace.window_decoded(job.job_id, 0.0)
        return self.jobs[:2]

    def _read_until(self, at: float, done: dict[str, float]) -> None:
        while self.clock.seconds + 1 < at:
            self.clock.seconds += 1
            left = self.left.seconds()
            self.shown += [
                (job.job_id, done[job.job_id] / job.left_seconds, self.clock.seconds, left[job.job_id])
                for job in self.jobs
                if job.job_id in left and (self.results_since > 2 or self.changes[0] == math.inf)
            ]
        self.clock.seconds = at


def queue_of(memory: PaceMemory, *jobs: Work, slowness: float = 1.0, chance: float = 0.2) -> Machine:
    """A machine that has worked until all jobs ended."""
    clock, waiting = Time(), list(jobs)
    machine = Machine(TimeLeft(lambda: waiting, clock, memory), clock, waiting, slowness, chance)
    machine.run()
    return machine


def remembered(folder: Path) -> PaceMemory:
    """What a machine has written that has worked on both kinds."""
    memory = PaceMemory(folder / "pace.json")
    for kind, cost in COSTS.items():
        memory.add(kind, 1000.0, 1000.0 * cost)
    memory.save()
    return PaceMemory(folder / "pace.json")


def three_jobs() -> tuple[Work, ...]:
    return batch("a", 1200), Work("b", Priority.BATCH, "batch", ACCURATE, 0.0, 2400), batch("c", 600)


def assert_true_within_a_third(machine: Machine) -> None:
    """From a tenth of a job on, nearly always; at its end, within five seconds."""
    checked = [one for one in machine.shown if one[1] >= 0.1]
    errors = [(machine.ended[job_id] - at, seconds) for job_id, _, at, seconds in checked]
    wrong = [one for one in errors if abs(one[0] - one[1]) > max(one[0] / 3, 5.0)]
    assert len(checked) > 20
    assert len(wrong) <= len(checked) / 10, wrong


@pytest.mark.parametrize("slowness", [0.85, 1.0, 1.2])
def test_after_a_start_the_first_estimate_is_true_because_the_pace_is_remembered(
    slowness: float, tmp_path: Path
) -> None:
    machine = queue_of(remembered(tmp_path), *three_jobs(), slowness=slowness)
    first = {job_id: seconds for job_id, _, at, seconds in machine.shown if at == 101}
    assert first == {job_id: pytest.approx(end - 101, rel=1 / 3) for job_id, end in machine.ended.items()}
    assert_true_within_a_third(machine)


@pytest.mark.parametrize("slower", [0.5, 2.0, 3.0])
@pytest.mark.parametrize("is_remembered", [True, False])
def test_an_estimate_is_true_soon_after_the_machine_became_slower_or_faster(
    slower: float, is_remembered: bool, tmp_path: Path
) -> None:
    clock, waiting = Time(), [batch("a", 7200)]
    memory = remembered(tmp_path) if is_remembered else PaceMemory()
    left = TimeLeft(lambda: waiting, clock, memory)
    machine = Machine(left, clock, waiting, slowness=3.0, changes=(clock.seconds + 350, slower))
    machine.run()
    assert_true_within_a_third(machine)


@pytest.mark.parametrize("slowness", [0.3, 1.0, 2.0])
def test_an_estimate_is_true_within_a_third_from_a_tenth_on_without_memory(slowness: float) -> None:
    assert_true_within_a_third(queue_of(PaceMemory(), *three_jobs(), slowness=slowness))


def test_an_estimate_does_not_grow_while_nothing_is_added(tmp_path: Path) -> None:
    machine = queue_of(remembered(tmp_path), *three_jobs(), chance=0.05)
    for job_id in machine.ended:
        seconds = [one[3] for one in machine.shown if one[0] == job_id]
        assert seconds == sorted(seconds, reverse=True)


def test_a_kind_that_was_not_measured_is_judged_by_another_quality_of_its_model(tmp_path: Path) -> None:
    memory = remembered(tmp_path)
    assert memory.has(Kind("base", "fast"))
    assert memory.cost(Kind("base", "fast")) < COSTS[BASE]
    assert not memory.has(Kind("large-v3", "balanced"))


def test_a_damaged_memory_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "pace.json").write_text('[{"model": "base"}]')
    assert not PaceMemory(tmp_path / "pace.json").has(BASE)
