"""Sizes and durations as text for people."""

import pytest

from whisper_appliance.core.text import format_bytes, format_duration


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 KB"),
        (1024, "1 KB"),
        (1.5 * 2**20, "1.5 MB"),
        (1023 * 2**20, "1023 MB"),
        (2**30, "1 GB"),
        (99.96 * 2**30, "100 GB"),
        (1000 * 2**30, "1000 GB"),
        (3.84 * 2**40, "3.84 TB"),
    ],
)
def test_sizes_have_one_unit_each_and_no_exponent(size: float, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (12.9, "0:12"), (245, "4:05"), (36000, "10:00:00")]
)
def test_durations_are_written_as_on_a_clock(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
