"""The workers on one PostgreSQL database in the panel, and taking over from a dead one."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, signed_in
from tests.support.databases import postgresql
from whisper_appliance.accounts.audit import AuditFilter
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.server.application import create_app
from whisper_appliance.storage.schema.jobs import jobs, workers

DEAD = "0123456789abcdef"


@pytest.fixture
def appliance(start_appliance: StartAppliance) -> Iterator[Appliance]:
    """One on PostgreSQL, beside which another died with a job of somebody's."""
    with postgresql() as url:
        running = start_appliance(database_url=url)
        with running.database.write() as connection:
            long_ago = sa.func.now() - sa.text("interval '2 minutes'")
            row = {"id": DEAD, "host": "attic", "version": "0.1.0", "place": DEAD}
            connection.execute(workers.insert().values(started=long_ago, last_seen=long_ago, **row))
            job = {"id": "f" * 32, "owner": "ann", "status": "running", "priority": 2, "progress": 0.5}
            job |= {"title": "plan", "filename": "plan.wav", "source": "upload", "options": "{}"}
            job |= {"audio": "uploads/x", "audio_bytes": 4, "attempts": 1, "cancel_requested": False}
            job |= {"place": DEAD, "worker": DEAD, "created": "2026-01-01T00:00:00Z"}
            connection.execute(jobs.insert().values(job))
        yield running
        running.close()
        running.database.close()


@pytest.fixture
def admin(appliance: Appliance) -> ApiClient:
    return signed_in(create_app(appliance), "admin")


@pytest.mark.postgresql
def test_a_stale_worker_is_taken_over_once_and_only_with_consent(
    appliance: Appliance, admin: ApiClient
) -> None:
    listed = {worker["id"]: worker for worker in admin.get("/api/admin/workers").json["workers"]}
    dead, own = listed.pop(DEAD), listed[appliance.queue.cluster.worker_id]
    assert (dead["host"], dead["silent"], dead["shared"], dead["here"]) == ("attic", True, False, False)
    assert (dead["running"], dead["waiting"]) == (1, 0)
    assert (own["silent"], own["here"]) == (False, True)

    def take_over(id: str, **body: bool) -> tuple[int, dict[str, object]]:
        answer = admin.post(f"/api/admin/workers/{id}/take-over", json=body)
        return answer.status_code, answer.json

    assert take_over(own["id"])[0] == 409
    assert take_over(DEAD)[0] == 409
    assert take_over("fedcba9876543210")[0] == 404
    assert take_over(DEAD, losing=True) == (200, {"freed": 0, "failed": 1})
    assert take_over(DEAD, losing=True)[0] == 404
    assert appliance.queue.get("f" * 32).status == "failed"
    (entry,) = appliance.audit.page(AuditFilter(action="worker.take-over"))
    assert entry.object == DEAD
    assert "plan" not in str(entry)


def test_where_the_database_is_sqlite_there_are_no_workers(start_appliance: StartAppliance) -> None:
    alone = signed_in(create_app(start_appliance()), "admin")
    assert alone.get("/api/admin/workers").json == {"workers": []}
    assert alone.post(f"/api/admin/workers/{DEAD}/take-over", json={}).status_code == 404
