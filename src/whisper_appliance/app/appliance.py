"""The appliance: its container of parts, with the order in which they start and close."""

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import structlog

from whisper_appliance.app.admission import cleanup_tasks
from whisper_appliance.app.container import Container
from whisper_appliance.app.housekeeping import Housekeeping
from whisper_appliance.app.lifecycle import Lifecycle, Step
from whisper_appliance.app.live_quota import EVERY_SECONDS
from whisper_appliance.app.secret import load_secret
from whisper_appliance.monitoring.status_types import Health, Status
from whisper_appliance.storage import migrations
from whisper_appliance.storage.lock import locked_folder

log = structlog.get_logger()


class Appliance(Container):
    """All parts of one installation, from `start` to `close`; a context manager."""

    secret_key = ""
    _lifecycle = Lifecycle()

    def start(self) -> None:
        """Locks the data folder, migrates the database, starts the parts; returns soon.

        The queue starts and the model loads in the background. Raises `AlreadyRunning`, `DatabaseDamaged`.
        """
        folder_lock = ExitStack()
        housekeeping = Housekeeping(self._cleanup_tasks())
        live_quota = Housekeeping({"count live sessions": self.live_quota.count}, EVERY_SECONDS)
        self._lifecycle = Lifecycle()
        self._lifecycle.start(
            (
                Step(lambda: None, self.models.close),
                Step(
                    lambda: folder_lock.enter_context(locked_folder(self.settings.data_dir)),
                    folder_lock.close,
                ),
                Step(self.log_sinks.open, self.log_sinks.close),
                Step(lambda: migrations.upgrade(self.database), self.database.close),
                Step(self._load_secret),
                Step(self.accounts.start),
                Step(self.webhook_dispatcher.start, self.webhook_dispatcher.close),
                Step(lambda: None, self.job_traces.close),
                Step(self.queue.launch, self.queue.close),
                Step(self._start_watch_folder, self.watch_folder.close),
                Step(housekeeping.start, housekeeping.close),
                Step(self.models.start),
                Step(self.word_alignment.start, self.word_alignment.close),
                Step(self.live.launch, self.live.close),
                Step(live_quota.start, live_quota.close),
                Step(self.resource_sampler.start, self.resource_sampler.close),
            )
        )

    def _start_watch_folder(self) -> None:
        """Watches nothing while choices of the panel do not count any more: results would go elsewhere."""
        lost = {"WATCH_USER", "OUTPUT_FOLDER"} & set(self.overrides.not_applied)
        if not lost:
            self.watch_folder.start()
        elif self.settings.watch_folder:
            log.error(
                "the folder is not watched, because the environment lacks settings", settings=sorted(lost)
            )

    def close(self) -> None:
        """Closes the parts in reverse order."""
        self._lifecycle.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def health(self) -> Health:
        """The health of all parts. Never blocks."""
        return self.status_collector.health()

    def status(self) -> Status:
        """The whole status. Never blocks."""
        return self.status_collector.status()

    def _load_secret(self) -> None:
        self.secret_key = load_secret(self.settings.data_dir / "secret.key")

    def _cleanup_tasks(self) -> dict[str, Callable[[], object]]:
        return {
            "empty the trash": lambda: self.transcripts.purge(self.settings.trash_days),
            "delete recordings at their end": self.recordings.delete_expired,
            "match recordings and transcripts": self.recordings.reconcile,
            "remove ended sessions": self.accounts.sessions.delete_expired,
            "remove old counters of sign-ins": self.accounts.throttle.delete_expired,
            **cleanup_tasks(self.audit, self.usage, self.shares, self.transcripts, lambda: self.settings),
            "remove partial uploads": self.partial_uploads.delete_expired,
            "remove uploads of failed jobs": self.queue.remove_old_uploads,
            "remove jobs that ended long ago": self.queue.remove_old_jobs,
            "remove old deliveries of webhooks": self.webhooks.purge,
            "copy the database": self.backups.copy_daily,
        }
