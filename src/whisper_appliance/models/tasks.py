"""What somebody set going for a model and waits for: loading, verifying, importing. One at a time a model."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import structlog

from whisper_appliance.core.errors import ApplianceError, Conflict
from whisper_appliance.models.checksums import OnBytes

Kind = Literal["load", "default", "verify", "import"]
DOING = {"load": "loaded", "default": "made the default", "verify": "verified", "import": "imported"}
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Errand:
    """How far it is, or how it ended: `message` is a sentence then. 0 bytes in all: nobody knows how much."""

    kind: Kind
    model: str
    state: Literal["running", "done", "failed"] = "running"
    message: str = ""
    done_bytes: int = 0
    total_bytes: int = 0


class Errands:
    """The running errands, and the last one of each model."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._errands: dict[str, Errand] = {}

    def start(
        self, kind: Kind, model: str, work: Callable[[OnBytes], str], *, total_bytes: int = 0
    ) -> Errand:
        """Runs `work` in a thread; it tells of the bytes it read and returns a sentence.

        Raises `Conflict` while there is another errand for this model.
        """
        with self._lock:
            before = self._errands.get(model)
            if before is not None and before.state == "running":
                raise Conflict(f"The model {model} is being {DOING[before.kind]}. Wait until that is done.")
            errand = self._errands[model] = Errand(kind, model, total_bytes=total_bytes)
        threading.Thread(target=self._run, args=(model, work), name=f"{kind}-{model}", daemon=True).start()
        return errand

    def of(self, model: str) -> Errand | None:
        """The running or last errand of this model since the start."""
        return self._errands.get(model)

    def all(self) -> tuple[Errand, ...]:
        """One a model at most."""
        return tuple(self._errands.values())

    def forget(self, model: str) -> None:
        """How the last one ended is of no interest any more."""
        with self._lock:
            last = self._errands.get(model)
            if last is not None and last.state != "running":
                del self._errands[model]

    def _run(self, model: str, work: Callable[[OnBytes], str]) -> None:
        def read(count: int) -> None:
            self._change(model, done_bytes=self._errands[model].done_bytes + count)

        try:
            self._change(model, message=work(read), state="done")
        except (ApplianceError, OSError) as error:
            self._change(model, message=str(error), state="failed")
        finally:
            if self._errands[model].state == "running":
                self._change(model, message="It stopped unexpectedly; see the log.", state="failed")

    def _change(self, model: str, **changes: object) -> None:
        self._errands[model] = replace(self._errands[model], **changes)  # type: ignore[arg-type] # its fields
