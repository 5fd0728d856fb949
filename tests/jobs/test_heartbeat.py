"""The heartbeat of a worker."""

import pytest

from tests.support.wait import wait_until
from whisper_appliance.jobs import heartbeat


def test_the_heartbeat_goes_on_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "HEARTBEAT_INTERVAL_SECONDS", 0.01)
    written: list[str] = []

    def write() -> None:
        written.append("written")
        raise ConnectionError

    def reclaim() -> None:
        written.append("reclaimed")
        raise ZeroDivisionError

    beating = heartbeat.WorkerHeartbeat(write, reclaim)
    beating.start()
    wait_until(lambda: written.count("reclaimed") == 2)
    beating.close()
    assert written.count("written") >= 2 * heartbeat.HEARTBEATS_PER_RECLAIM


def test_a_heartbeat_is_as_old_as_the_last_one_that_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "HEARTBEAT_INTERVAL_SECONDS", 0.01)
    now, fails, tried = [100.0], [True], list[float]()

    def write() -> None:
        tried.append(now[0])
        if fails:
            raise ConnectionError

    beating = heartbeat.WorkerHeartbeat(write, lambda: None, clock=lambda: now[0])
    beating.start()
    now[0] = 160.0
    wait_until(lambda: tried.count(160.0) > 1)
    assert beating.age_seconds == 60
    fails.clear()
    wait_until(lambda: beating.age_seconds == 0)
    beating.close()
