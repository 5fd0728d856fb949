"""Wall time, processor time, peak memory of a process and all it starts; and word error rate."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import psutil

SAMPLING_SECONDS = 0.1
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Reading:
    """What one piece of work cost, and what came out."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    text: str


class Tree:
    """A process and its descendants."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)

    def cpu_seconds(self) -> float:
        """Processor time of all that live, and of the children they have already buried."""
        return sum(sum(times[:4]) for times in self._each(lambda process: process.cpu_times()))

    def memory_bytes(self) -> int:
        """Proportional set size: pages that processes share are counted once."""
        return sum(info.pss for info in self._each(lambda process: process.memory_full_info()))

    def _each(self, ask: Callable[[psutil.Process], Answer]) -> Iterator[Answer]:
        for process in (self._root, *self._root.children(recursive=True)):
            try:
                yield ask(process)
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue


class Peak:
    """The most memory a tree was seen to hold."""

    def __init__(self, tree: Tree) -> None:
        self.bytes = tree.memory_bytes()
        self._tree = tree
        self._done = threading.Event()

    @contextmanager
    def watched(self) -> Iterator["Peak"]:
        """Looks ten times a second."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield self
        finally:
            self._done.set()
            thread.join()

    def _watch(self) -> None:
        while not self._done.wait(SAMPLING_SECONDS):
            self.bytes = max(self.bytes, self._tree.memory_bytes())


def measure(pid: int, work: Callable[[], str]) -> Reading:
    """Does the work, which runs in the process `pid` and its children, and says what it cost."""
    tree = Tree(pid)
    with Peak(tree).watched() as peak:
        cpu_before, before = tree.cpu_seconds(), time.perf_counter()
        text = work()
        wall, cpu = time.perf_counter() - before, tree.cpu_seconds() - cpu_before
    return Reading(wall, cpu, peak.bytes, text)


def word_error_rate(pairs: Iterable[tuple[str, str]]) -> float:
    """Word errors per word, over all (reference, heard) pairs, after Whisper's own normalising."""
    import jiwer
    from whisper_normalizer.english import EnglishTextNormalizer

    normal = EnglishTextNormalizer()
    references, heard = zip(*((normal(reference), normal(text)) for reference, text in pairs), strict=True)
    return float(jiwer.wer(list(references), list(heard)))
