"""The diarization error rate of the benchmark."""

import numpy as np
import pytest
from benchmarks.diarization import Activity, Errors, errors


def active(*frames: str) -> Activity:
    """A row for each frame: the letters of those who speak in it, of a and b."""
    return np.array([["a" in each, "b" in each] for each in frames])


@pytest.mark.parametrize(
    ("true", "found", "expected"),
    [
        (("a", "a", "b", ""), ("b", "b", "a", ""), Errors(3, 0, 0, 0)),
        (("a", "a", "b", ""), ("a", "a", "a", ""), Errors(3, 0, 0, 1)),
        (("a", "ab", "b", ""), ("a", "a", "", "b"), Errors(4, 2, 1, 0)),
        (("", "a"), ("", ""), Errors(1, 1, 0, 0)),
    ],
)
def test_speakers_are_matched_as_well_as_they_can_be(
    true: tuple[str, ...], found: tuple[str, ...], expected: Errors
) -> None:
    assert errors(active(*true), active(*found)) == expected


def test_more_or_fewer_found_speakers_are_errors() -> None:
    true = active("a", "a", "b", "b")
    one = np.ones((4, 1), bool)
    assert errors(true, one) == Errors(4, 0, 0, 2)
    three = np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 0]], bool)
    assert errors(true, three) == Errors(4, 0, 0, 1)
    assert errors(true, three).rate == 0.25
