"""The appliance: every part, built from the settings and handed out. Knows every room, and no Flask."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import structlog

from whisper_appliance.accounts.accounts import Accounts
from whisper_appliance.accounts.audit import Audit
from whisper_appliance.accounts.passwords import Passwords
from whisper_appliance.accounts.shares import Shares
from whisper_appliance.app.admission import Admission, cleanup_tasks, make_usage, on_owner_deleted, usage_hook
from whisper_appliance.app.backup_service import BackupService
from whisper_appliance.app.event_bus import EventBus
from whisper_appliance.app.housekeeping import Housekeeping
from whisper_appliance.app.job_notifier import JobNotifier
from whisper_appliance.app.live_wiring import build_live, live_limits
from whisper_appliance.app.model_admin import ModelAdmin
from whisper_appliance.app.ownership import AllOwnedData
from whisper_appliance.app.persisted_default import PersistedDefault
from whisper_appliance.app.secret import load_secret
from whisper_appliance.config.override_rows import AdjustedSettings
from whisper_appliance.config.overrides import Adjustments
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import BadSetting, InvalidRequest, NotFound
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.host.certificates import Certificates, check_names
from whisper_appliance.jobs.events import JobEvent
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.jobs.transcription_job import JobSteps
from whisper_appliance.library.ownership import TranscriptOwnership
from whisper_appliance.library.storage_usage import StorageUsage
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.live.admin import LiveOversight
from whisper_appliance.live.ports import Models as LiveModels
from whisper_appliance.models.downloads import Downloads
from whisper_appliance.models.events import ModelEvent
from whisper_appliance.models.hub import Hub
from whisper_appliance.models.manager import ModelManager
from whisper_appliance.models.store import ModelStore
from whisper_appliance.monitoring import logs
from whisper_appliance.monitoring.logs.sinks import LogSinks
from whisper_appliance.monitoring.metrics import Metrics
from whisper_appliance.monitoring.resource_sampler import ResourceSampler
from whisper_appliance.monitoring.status_collector import StatusCollector
from whisper_appliance.monitoring.status_types import Health, Status
from whisper_appliance.storage import migrations
from whisper_appliance.storage.database import Database, locked_folder

MakeSteps = Callable[[Settings, ModelManager[EngineProcess]], JobSteps]
log = structlog.get_logger()


class Appliance:
    """Everything one installation needs, from `start` to `close`; a context manager."""

    def __init__(
        self,
        settings: Settings,
        *,
        stopping: threading.Event | None = None,
        make_steps: MakeSteps | None = None,
        live_models: LiveModels | None = None,
        hub: Hub | None = None,
        passwords: Passwords | None = None,
    ) -> None:
        """Puts the parts together; nothing is written, loaded or started yet.

        `stopping` may be set some time before `close`: jobs leave off, and those who wait are answered.
        `make_steps` makes what does the work of jobs, in place of the real decoder and engine; `live_models`
        are the models of live speech, in place of the real ones; `hub` is where models come from,
        `passwords` how much work a password is.
        """
        given = settings
        url = given.database_url.get_secret_value() if given.database_url else None
        self.database = Database.in_folder(given.data_dir, url)
        self.overrides = Adjustments(
            AdjustedSettings(self.database),
            given,
            checks={"whisper_model": self._check_model, "certificate_names": _check_names},
            heed=self._apply_settings,
        )
        settings = self.settings
        self.log_sinks = LogSinks(
            settings.data_dir / "logs", max_bytes=int(settings.log_file_size), debug=settings.debug_mode
        )
        self.metrics = Metrics(self.status)
        self.backups = BackupService(settings, self.database)
        self.audit = Audit(self.database)
        self.shares = Shares(self.database)
        self.usage = make_usage(self.database, lambda: self.settings)
        self.storage_usage = StorageUsage(self.database, settings.storage_folder / "audio")
        self.transcripts = TranscriptRepository(
            self.database, audio_folder=settings.storage_folder / "audio", on_created=usage_hook(self.usage)
        )
        self.store = ModelStore(
            settings.model_dir, downloads_allowed=settings.model_downloads, announce=_log_model
        )
        self.downloads = Downloads(self.store, _log_model, hub=hub)
        self.models = ModelManager(
            settings,
            self.store,
            self.downloads,
            self._on_model_event,
            start_engine=EngineProcess,
            choice=PersistedDefault(self.overrides),
        )
        self.model_admin = ModelAdmin(
            self.models, self.store, self.downloads, PersistedDefault(self.overrides)
        )
        self.job_notifier = JobNotifier()
        self.queue = JobQueue(
            self.database,
            make_steps(settings, self.models) if make_steps else self._default_job_steps(),
            settings.data_dir,
            storage=settings.storage_folder,
            limit=settings.queue_limit,
            limit_per_user=settings.queue_limit_per_user,
            announce=self._on_job_event,
            stopping=stopping,
            on_created=usage_hook(self.usage),
        )
        self.admission = Admission(self.usage, self.storage_usage, self.queue)
        self.live_events = EventBus(self.metrics.on_live_event)
        self.live = build_live(
            settings, live_models or self.models, self.transcripts, self.queue, self.live_events.publish
        )
        sessions = LiveOversight(self.live)
        self.accounts = Accounts(
            self.database,
            settings,
            belongings=AllOwnedData(
                TranscriptOwnership(self.database, settings.storage_folder),
                end_live=sessions.cancel_of,
                give_live=sessions.hand_over,
                forget=on_owner_deleted(self.usage, self.shares),
            ),
            record=self.audit.record,
            passwords=passwords,
        )
        self.certificates = (
            Certificates.from_settings(lambda: self.settings) if settings.https_enabled else None
        )
        self.secret_key = ""
        self._status_collector = StatusCollector(
            lambda: self.settings, self.models, self.queue, self.live, self.certificates
        )
        self.resource_sampler = ResourceSampler(self.status)
        self._opened = ExitStack()

    def start(self) -> None:
        """Takes the data folder, brings the database up to date, sets everything going; returns soon.

        The queue starts and the model loads behind it. Raises `AlreadyRunning`, `DatabaseDamaged`.
        """
        with ExitStack() as opened:
            opened.callback(self.models.close)
            opened.enter_context(locked_folder(self.settings.data_dir))
            opened.callback(self.log_sinks.close)
            self.log_sinks.open()
            opened.callback(self.database.close)
            self.database.upgrade(migrations.FOLDER)
            self.secret_key = load_secret(self.settings.data_dir / "secret.key")
            self.accounts.start()
            opened.callback(self.queue.close)
            self.queue.launch()
            housekeeping = Housekeeping(
                {
                    "empty the trash": lambda: self.transcripts.purge(self.settings.trash_days),
                    "forget sessions that ended": self.accounts.sessions.sweep,
                    **cleanup_tasks(
                        self.audit, self.usage, self.shares, self.transcripts, lambda: self.settings
                    ),
                    "copy the database": self.backups.copy_daily,
                }
            )
            opened.callback(housekeeping.close)
            housekeeping.start()
            self.models.start()
            opened.callback(self.live.close)
            self.live.launch()
            opened.callback(self.resource_sampler.close)
            self.resource_sampler.start()
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Ends what was started, the last first."""
        self._opened.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def settings(self) -> Settings:
        """The settings in force; some of them change while the appliance runs."""
        return self.overrides.settings

    def health(self) -> Health:
        """Whether everything works; never waits."""
        return self._status_collector.health()

    def status(self) -> Status:
        """The whole state; never waits."""
        return self._status_collector.status()

    def _default_job_steps(self) -> JobSteps:
        return JobSteps.from_settings(lambda: self.settings, self.models, lambda: self.models.default)

    def _on_job_event(self, event: JobEvent) -> None:
        self.job_notifier.notify(event)
        self.metrics.on_job_event(event)

    def _on_model_event(self, event: ModelEvent) -> None:
        _log_model(event)
        self.metrics.on_model_event(event)

    def _check_model(self, wanted: Settings) -> None:
        try:
            self.models.known(wanted.whisper_model)
        except NotFound as error:
            raise InvalidRequest(error.message, field="value") from None

    def _apply_settings(self, settings: Settings) -> None:
        """Tells the parts that do not ask each time; a change of the panel counts at once."""
        logs.set_level(settings.log_level, debug=settings.debug_mode)
        self.store.downloads_allowed = settings.model_downloads
        self.models.heed(settings)
        self.queue.limit = settings.queue_limit
        self.queue.limit_per_user = settings.queue_limit_per_user
        self.live.limits = live_limits(settings)


def _check_names(wanted: Settings) -> None:
    try:
        check_names(wanted)
    except BadSetting as error:
        raise InvalidRequest(error.message, field="value") from None


def _log_model(event: ModelEvent) -> None:
    if event.kind == "download":
        log.debug("model", kind=event.kind, model=event.model, text=event.message)
    else:
        log.info("model", kind=event.kind, model=event.model, text=event.message)
