"""Background tasks of models: load, make the default, verify, import. One at a time for each model."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import structlog

from whisper_appliance.core.errors import ApplianceError, Conflict
from whisper_appliance.core.i18n import N_
from whisper_appliance.models.checksums import OnBytes

TaskKind = Literal["load", "default", "verify", "import"]
RUNNING: dict[TaskKind, str] = {
    "load": N_("The model {model} is being loaded. Wait until that is done."),
    "default": N_("The model {model} is being made the default. Wait until that is done."),
    "verify": N_("The model {model} is being verified. Wait until that is done."),
    "import": N_("The model {model} is being imported. Wait until that is done."),
}
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ModelTask:
    """A running task, or how it ended: then `message` is a sentence. `total_bytes` 0: unknown."""

    kind: TaskKind
    model: str
    state: Literal["running", "done", "failed"] = "running"
    message: str = ""
    done_bytes: int = 0
    total_bytes: int = 0


class ModelTasks:
    """The running or last task of each model."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tasks: dict[str, ModelTask] = {}

    def start(
        self, kind: TaskKind, model: str, work: Callable[[OnBytes], str], *, total_bytes: int = 0
    ) -> ModelTask:
        """Runs `work` in a thread. It calls its argument with the bytes it read, and returns a sentence.

        Raises `Conflict` while another task of this model runs.
        """
        with self._lock:
            before = self._tasks.get(model)
            if before is not None and before.state == "running":
                raise Conflict(RUNNING[before.kind], model=model)
            task = self._tasks[model] = ModelTask(kind, model, total_bytes=total_bytes)
        threading.Thread(target=self._run, args=(model, work), name=f"{kind}-{model}", daemon=True).start()
        return task

    def get(self, model: str) -> ModelTask | None:
        """The running or last task of a model since the start."""
        return self._tasks.get(model)

    def list_all(self) -> tuple[ModelTask, ...]:
        """The running or last task of each model."""
        return tuple(self._tasks.values())

    def dismiss(self, model: str) -> None:
        """Drops the ended task of a model."""
        with self._lock:
            last = self._tasks.get(model)
            if last is not None and last.state != "running":
                del self._tasks[model]

    def _run(self, model: str, work: Callable[[OnBytes], str]) -> None:
        def read(count: int) -> None:
            self._change(model, done_bytes=self._tasks[model].done_bytes + count)

        try:
            self._change(model, message=work(read), state="done")
        except (ApplianceError, OSError) as error:
            self._change(model, message=str(error), state="failed")
        finally:
            if self._tasks[model].state == "running":
                self._change(model, message="It stopped unexpectedly; see the log.", state="failed")

    def _change(self, model: str, **changes: object) -> None:
        self._tasks[model] = replace(self._tasks[model], **changes)  # type: ignore[arg-type] # its fields
