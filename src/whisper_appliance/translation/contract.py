"""The translator contract: lines of text in one language in, as many lines in another one out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Pair = tuple[str, str]
"""Codes of two languages, as in `transcript.languages`: from which, and into which."""


@dataclass(frozen=True, slots=True)
class TranslatorSpec:
    """What a translator needs to load its model, in a process of its own."""

    translator: str
    """A name of the registry."""
    source: str
    target: str
    models: Path | None = None
    """The folder of models that people laid down, one for each pair; None: there is none."""
    max_memory_bytes: int = 0
    """A process that takes more is ended; 0: no limit."""

    @property
    def folder(self) -> Path | None:
        """The folder of the pair, with its model, among those that people laid down."""
        return self.models / f"{self.source}-{self.target}" if self.models else None


class Translator(Protocol):
    """A loaded model for one pair of languages, in a process without network that only reads its models."""

    def translate(self, lines: Sequence[str]) -> list[str]:
        """One line for each line. A line is a sentence or a part of one, has letters, and is valid UTF-8."""
        ...


class TranslatorClass(Protocol):
    """What a name stands for. Its module must not import its library: the web process reads it."""

    def __call__(self, spec: TranslatorSpec) -> Translator:
        """Loads the model of a pair that it offers. Raises `OSError`, `RuntimeError` or `ValueError`."""
        ...

    def pairs(self, models: Path | None) -> frozenset[Pair]:
        """The pairs that it offers on this machine now, with `models` as in the specification.

        None if its library is not installed. A static method, and fast: each page of a transcript needs it.
        """
        ...
