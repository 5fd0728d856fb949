"""Background tasks of models: one at a time, with a reported result."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.wait import wait_until
from whisper_appliance.core.errors import Conflict, ModelUnavailable
from whisper_appliance.models.checksums import OnBytes
from whisper_appliance.models.store import ModelStore
from whisper_appliance.models.tasks import ModelTask, ModelTasks


def ended(tasks: ModelTasks, model: str) -> ModelTask:
    def finished() -> ModelTask | None:
        task = tasks.get(model)
        return task if task and task.state != "running" else None

    return wait_until(finished)


def test_a_task_reports_progress_and_its_end() -> None:
    tasks, go = ModelTasks(), threading.Event()

    def work(read: OnBytes) -> str:
        read(30)
        go.wait(60)
        return "Good."

    tasks.start("verify", "one", work, total_bytes=40)
    with pytest.raises(Conflict, match="is being verified"):
        tasks.start("load", "one", work)
    tasks.dismiss("one")
    go.set()
    assert ended(tasks, "one") == ModelTask("verify", "one", "done", "Good.", 30, 40)
    tasks.dismiss("one")
    assert tasks.get("one") is None


def test_a_failed_task_reports_a_sentence() -> None:
    tasks = ModelTasks()

    def work(_read: OnBytes) -> str:
        raise ModelUnavailable("No memory.")

    tasks.start("load", "one", work)
    assert (ended(tasks, "one").state, ended(tasks, "one").message) == ("failed", "No memory.")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_unexpected_error_ends_the_task() -> None:
    tasks = ModelTasks()

    def work(_read: OnBytes) -> str:
        raise ZeroDivisionError

    tasks.start("load", "one", work)
    assert "see the log" in ended(tasks, "one").message
    for thread in threading.enumerate():
        if thread.name == "load-one":
            thread.join()


def test_verifying_reports_every_byte(
    store: ModelStore, make_model: Callable[[Path], Path], tmp_path: Path
) -> None:
    store.import_folder(make_model(tmp_path / "mine"), "mine")
    found = store.find("mine")
    assert found
    heard: list[int] = []
    store.verify("mine", heard.append)
    record = (store.folder("mine") / "verified.json").stat().st_size
    assert sum(heard) == found.size_bytes - record
