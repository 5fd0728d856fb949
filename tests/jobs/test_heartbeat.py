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
