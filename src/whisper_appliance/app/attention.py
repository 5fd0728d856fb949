"""What needs an administrator, the worst first, with what to do about it: for the panel's overview."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from whisper_appliance.app.backup_service import BackupService
from whisper_appliance.config.overrides import SettingOverrides
from whisper_appliance.config.setting_rows import pending_restart
from whisper_appliance.core.clock import Clock, now
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.text import format_bytes
from whisper_appliance.host.releases import UpdateCheck
from whisper_appliance.jobs.workers import WorkerInfo
from whisper_appliance.models.store import ModelStore
from whisper_appliance.monitoring.status_types import Status

COPY_OVERDUE = timedelta(days=2)
FIRST_COPY_SECONDS = 600.0
"""So long after a start the first copy of the database was made, or has failed."""
NEARLY_FULL_SHARE = 0.05
USE_THE_ENVIRONMENT = N_(
    "Set them in the environment of the appliance, or remove them on its machine with "
    "whisper-appliance settings reset NAME."
)
Tone = Literal["bad", "caution"]
PAGES = {
    "model_unavailable": "models",
    "models": "models",
    "disk_full": "settings",
    "database": "logs",
    "disk": "logs",
}
"""Where a reason of the health is looked into, below `/admin`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, what to do, and the page of the panel, below `/admin`, where to do it."""

    code: str
    tone: Tone
    message: str
    advice: str
    page: str


class Attention:
    """Collects the problems of all parts."""

    def __init__(
        self,
        overrides: SettingOverrides,
        backups: BackupService,
        store: ModelStore,
        workers: Callable[[], tuple[WorkerInfo, ...]],
        last_update_check: Callable[[], UpdateCheck | None],
        first_steps_open: Callable[[], bool],
        clock: Clock = now,
    ) -> None:
        self._overrides = overrides
        self._backups = backups
        self._store = store
        self._workers = workers
        self._last_update_check = last_update_check
        self._first_steps_open = first_steps_open
        self._clock = clock

    def problems(self, status: Status) -> tuple[Problem, ...]:
        """All problems, the worst first. Does not raise for a part that cannot be checked."""
        found = [
            Problem(each.code, "bad", each.message, "", PAGES[each.code]) for each in status.health.reasons
        ]
        for look in (
            self._disk,
            self._certificate,
            self._silent_workers,
            self._copies,
            self._models,
            self._first_steps,
            self._waiting,
        ):
            with suppress(ApplianceError, OSError):  # the health names the database or the disk as broken
                found += look(status)
        return tuple(sorted(found, key=lambda each: each.tone))

    def _disk(self, status: Status) -> Iterator[Problem]:
        if status.host is None or any(each.code == "disk_full" for each in status.health.reasons):
            return
        free, limit = status.host.disk_free_bytes, int(self._overrides.settings.min_free_disk)
        if free < max(2 * limit, NEARLY_FULL_SHARE * status.host.disk_bytes):
            message = N_("The disk is nearly full: {size} are free.").format(size=format_bytes(free))
            advice = N_(
                "Delete old recordings or backups, keep them for fewer days, or give it a larger disk."
            )
            yield Problem("disk_nearly_full", "caution", message, advice, "settings")

    def _certificate(self, status: Status) -> Iterator[Problem]:
        for warning in status.certificate.warnings if status.certificate else ():
            tone: Tone = "bad" if "expired" in warning else "caution"
            yield Problem("certificate", tone, warning, "", "certificate")

    def _silent_workers(self, _status: Status) -> Iterator[Problem]:
        for worker in self._workers():
            if worker.is_stale:
                message = N_("The worker {host} has been silent since {time}.").format(
                    host=worker.host, time=_readable(datetime.fromisoformat(worker.last_seen))
                )
                advice = N_("Start it again on its machine, or let another one take its recordings over.")
                yield Problem("worker_missing", "bad", message, advice, "jobs")

    def _copies(self, status: Status) -> Iterator[Problem]:
        """A copy that is overdue has failed, perhaps before the last start: the log of that may be gone."""
        if not self._overrides.settings.backup_daily or status.uptime_seconds < FIRST_COPY_SECONDS:
            return
        newest = next(iter(self._backups.copies.copies()), None)
        advice = N_("Copy it now: the answer says what is in the way.")
        if newest is None:
            message = N_("The daily copy of the database has failed; there is none.")
        elif self._clock() - newest.made > COPY_OVERDUE:
            message = N_("The daily copy of the database has failed; the newest one is of {time}.").format(
                time=_readable(newest.made)
            )
        else:
            return
        yield Problem("backup_failed", "bad", message, advice, "backups")

    def _models(self, _status: Status) -> Iterator[Problem]:
        for name, folder in self._store.damaged():
            message = N_("The model {name} was damaged, and was set aside.").format(name=name)
            advice = N_("Download or import it again. Its damaged files are in {folder}.").format(
                folder=folder
            )
            yield Problem("model_damaged", "caution", message, advice, "models")

    def _first_steps(self, _status: Status) -> Iterator[Problem]:
        if self._first_steps_open():
            message = N_("The first steps are not finished.")
            advice = N_("Trust your devices, say something, and choose a model. It takes a few minutes.")
            yield Problem("first_steps", "caution", message, advice, "../first-steps")

    def _waiting(self, _status: Status) -> Iterator[Problem]:
        if names := pending_restart(self._overrides):
            message = N_("Changed settings wait for a restart: {names}.").format(names=", ".join(names))
            yield Problem("restart_due", "caution", message, "", "settings")
        if names := self._overrides.not_applied:
            message = N_("Settings that were made here do not count any more: {names}.").format(
                names=", ".join(names)
            )
            yield Problem("settings_not_applied", "bad", message, USE_THE_ENVIRONMENT, "settings")
        if self._backups.restore.staged() is not None:
            message = N_("A backup waits: the next start restores it.")
            yield Problem("restore_waits", "caution", message, "", "backups")
        checked = self._last_update_check()
        if checked is not None and checked.state == "newer":
            advice = N_("See what is new, and how to update.")
            yield Problem("update", "caution", checked.message, advice, "updates")


def _readable(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
