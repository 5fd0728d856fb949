"""Speakers who are known by a sample of their voice: each is the speaker whose voice is most like it."""

import math
from collections.abc import Sequence

from whisper_appliance.engines.contract import NamedVoice

LEAST_SIMILARITY = 0.5
"""Cosine of two embeddings below which they are of two people; as for clusters."""


def named_speakers(embeddings: Sequence[Sequence[float]], voices: Sequence[NamedVoice]) -> dict[int, str]:
    """The names of speakers by their numbers; the most similar pairs first, each name and speaker once."""
    pairs = [
        (_cosine(embedding, voice.embedding), number, voice.name)
        for number, embedding in enumerate(embeddings)
        for voice in voices
    ]
    names: dict[int, str] = {}
    for similarity, number, name in sorted(pairs, reverse=True):
        if similarity >= LEAST_SIMILARITY and number not in names and name not in names.values():
            names[number] = name
    return names


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    length = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / length if length else 0.0
