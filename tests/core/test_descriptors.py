"""The limit of file descriptors: raised at the start, and what counts as few of them."""

import os
import resource
from collections.abc import Iterator
from contextlib import suppress

import pytest

from whisper_appliance.core import descriptors


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    """The soft and the hard limit of this process, which come back afterwards."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_limit_is_raised_and_never_lowered(limits: tuple[int, int]) -> None:
    hard = limits[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    descriptors.raise_limit()
    raised, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert raised == descriptors.WANTED_LIMIT if hard == resource.RLIM_INFINITY else raised > 256
    descriptors.raise_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (raised, hard)


def test_descriptors_are_scarce_once_only_the_reserve_is_left(limits: tuple[int, int]) -> None:
    assert not descriptors.are_scarce()
    highest = max(int(name) for name in os.listdir("/dev/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, limits[1]))
    opened: list[int] = []
    try:
        with suppress(OSError):  # until there are no more
            while True:
                opened.append(os.dup(0))
        assert descriptors.are_scarce()
    finally:
        for descriptor in opened:
            os.close(descriptor)
