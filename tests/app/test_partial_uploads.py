"""Partial uploads: one client, one address and all together have a limited number of them."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from whisper_appliance.app import partial_uploads
from whisper_appliance.app.partial_uploads import PartialUploads
from whisper_appliance.core.errors import Busy

THREADS = 32


def created(create: Callable[[int], object]) -> int:
    """How many of as many calls at once as there are threads make an upload."""
    barrier = threading.Barrier(THREADS)

    def run(number: int) -> bool:
        barrier.wait()
        try:
            create(number)
        except Busy:
            return False
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(run, range(THREADS)))


def test_partial_uploads_are_limited_by_client_by_address_and_in_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial_uploads, "MAX_OPEN", 3)
    monkeypatch.setattr(partial_uploads, "MAX_OPEN_OF_NETWORK", 5)
    monkeypatch.setattr(partial_uploads, "MAX_OPEN_IN_ALL", 12)
    store = PartialUploads(tmp_path)
    first = store.create("ann", 10, "x.wav", {})
    assert created(lambda _: store.create("ann", 10, "x.wav", {})) == 2
    cookies = created(lambda n: store.create(f"cookie {n}", 10, "x.wav", {}, network="192.0.2.1"))
    assert cookies == 5
    assert created(lambda n: store.create(f"user {n}", 10, "x.wav", {})) == 4
    store.complete(first, "a job")
    assert created(lambda _: store.create("ben", 10, "x.wav", {})) == 1
