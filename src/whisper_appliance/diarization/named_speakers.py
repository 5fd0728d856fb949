"""Speakers who are known by a sample of their voice: each is the speaker whose voice is most like it."""

import math
from collections.abc import Sequence

from whisper_appliance.engines.contract import NamedVoice

LEAST_SIMILARITY = 0.5
"""Cosine of two embeddings below which they are of two people; as for clusters."""


def named_speakers(embeddings: Sequence[Sequence[float]], voices: Sequence[NamedVoice]) -> dict[int, str]:
    """The names of speakers by their numbers."""
    found = most_similar(embeddings, voices, LEAST_SIMILARITY)
    return {number: name for number, (name, _) in found.items()}


def most_similar(
    embeddings: Sequence[Sequence[float]], voices: Sequence[NamedVoice], least: float
) -> dict[int, tuple[str, float]]:
    """Names and similarities by the numbers of speakers; the most similar first, each name once.

    A name is given from a similarity of `least` on (cosine). Embeddings of another size are of another model,
    so they are not compared.
    """
    pairs = [
        (_cosine(embedding, voice.embedding), number, voice.name)
        for number, embedding in enumerate(embeddings)
        for voice in voices
        if len(voice.embedding) == len(embedding)
    ]
    found: dict[int, tuple[str, float]] = {}
    given: set[str] = set()
    for similarity, number, name in sorted(pairs, reverse=True):
        if similarity >= least and number not in found and name not in given:
            found[number] = (name, similarity)
            given.add(name)
    return found


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    length = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / length if length else 0.0
