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
from whisper_appliance.app.admission import Admission, chores, counted, forgotten, usage_of
from whisper_appliance.app.backup_service import Safekeeping
from whisper_appliance.app.housekeeping import Housekeeping
from whisper_appliance.app.job_notifier import Bulletin
from whisper_appliance.app.live_wiring import limits_of, live_room
from whisper_appliance.app.model_admin import Shelf
from whisper_appliance.app.ownership import Everything
from whisper_appliance.app.persisted_default import AdjustedChoice
from whisper_appliance.app.relay import Relay
from whisper_appliance.app.secret import load_secret
from whisper_appliance.config.override_rows import AdjustedSettings
from whisper_appliance.config.overrides import Adjustments
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import BadSetting, InvalidRequest, NotFound
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.host.certificates import Certificates, check_names
from whisper_appliance.jobs.events import JobEvent
from whisper_appliance.jobs.queue import Queue
from whisper_appliance.jobs.transcription_job import Steps
from whisper_appliance.library.ownership import Owners
from whisper_appliance.library.storage_usage import Space
from whisper_appliance.library.transcripts import History
from whisper_appliance.live.admin import LiveOversight
from whisper_appliance.live.ports import Models as LiveModels
from whisper_appliance.models.downloads import Downloads
from whisper_appliance.models.events import ModelEvent
from whisper_appliance.models.hub import Hub
from whisper_appliance.models.manager import ModelManager
from whisper_appliance.models.store import ModelStore
from whisper_appliance.monitoring import logs
from whisper_appliance.monitoring.logs.sinks import LogBook
from whisper_appliance.monitoring.metrics import Metrics
from whisper_appliance.monitoring.resource_sampler import Vitals
from whisper_appliance.monitoring.status_collector import Observer
from whisper_appliance.monitoring.status_types import Health, Status
from whisper_appliance.storage import migrations
from whisper_appliance.storage.database import Database, locked_folder

MakeSteps = Callable[[Settings, ModelManager[EngineProcess]], Steps]
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
        self.adjustments = Adjustments(
            AdjustedSettings(self.database),
            given,
            checks={"whisper_model": self._check_model, "certificate_names": _check_names},
            heed=self._heed,
        )
        settings = self.settings
        self.log_book = LogBook(
            settings.data_dir / "logs", max_bytes=int(settings.log_file_size), debug=settings.debug_mode
        )
        self.metrics = Metrics(self.status)
        self.safekeeping = Safekeeping(settings, self.database)
        self.audit = Audit(self.database)
        self.shares = Shares(self.database)
        self.usage = usage_of(self.database, lambda: self.settings)
        self.space = Space(self.database, settings.storage_folder / "audio")
        self.history = History(
            self.database, audio_folder=settings.storage_folder / "audio", on_made=counted(self.usage)
        )
        self.store = ModelStore(
            settings.model_dir, downloads_allowed=settings.model_downloads, announce=_log_model
        )
        self.downloads = Downloads(self.store, _log_model, hub=hub)
        self.models = ModelManager(
            settings,
            self.store,
            self.downloads,
            self._hear_model,
            start_engine=EngineProcess,
            choice=AdjustedChoice(self.adjustments),
        )
        self.shelf = Shelf(self.models, self.store, self.downloads, AdjustedChoice(self.adjustments))
        self.bulletin = Bulletin()
        self.queue = Queue(
            self.database,
            make_steps(settings, self.models) if make_steps else self._real_steps(),
            settings.data_dir,
            storage=settings.storage_folder,
            limit=settings.queue_limit,
            limit_per_user=settings.queue_limit_per_user,
            announce=self._hear_job,
            stopping=stopping,
            on_made=counted(self.usage),
        )
        self.admission = Admission(self.usage, self.space, self.queue)
        self.relay = Relay(self.metrics.hear_live)
        self.live = live_room(
            settings, live_models or self.models, self.history, self.queue, self.relay.announce
        )
        sessions = LiveOversight(self.live)
        self.accounts = Accounts(
            self.database,
            settings,
            belongings=Everything(
                Owners(self.database, settings.storage_folder),
                end_live=sessions.cancel_of,
                give_live=sessions.hand_over,
                forget=forgotten(self.usage, self.shares),
            ),
            record=self.audit.record,
            passwords=passwords,
        )
        self.certificates = (
            Certificates.from_settings(lambda: self.settings) if settings.https_enabled else None
        )
        self.secret_key = ""
        self._observer = Observer(
            lambda: self.settings, self.models, self.queue, self.live, self.certificates
        )
        self.vitals = Vitals(self.status)
        self._opened = ExitStack()

    def start(self) -> None:
        """Takes the data folder, brings the database up to date, sets everything going; returns soon.

        The queue starts and the model loads behind it. Raises `AlreadyRunning`, `DatabaseDamaged`.
        """
        with ExitStack() as opened:
            opened.callback(self.models.close)
            opened.enter_context(locked_folder(self.settings.data_dir))
            opened.callback(self.log_book.close)
            self.log_book.open()
            opened.callback(self.database.close)
            self.database.upgrade(migrations.FOLDER)
            self.secret_key = load_secret(self.settings.data_dir / "secret.key")
            self.accounts.start()
            opened.callback(self.queue.close)
            self.queue.launch()
            housekeeping = Housekeeping(
                {
                    "empty the trash": lambda: self.history.purge(self.settings.trash_days),
                    "forget sessions that ended": self.accounts.sessions.sweep,
                    **chores(self.audit, self.usage, self.shares, self.history, lambda: self.settings),
                    "copy the database": self.safekeeping.copy_daily,
                }
            )
            opened.callback(housekeeping.close)
            housekeeping.start()
            self.models.start()
            opened.callback(self.live.close)
            self.live.launch()
            opened.callback(self.vitals.close)
            self.vitals.start()
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
        return self.adjustments.settings

    def health(self) -> Health:
        """Whether everything works; never waits."""
        return self._observer.health()

    def status(self) -> Status:
        """The whole state; never waits."""
        return self._observer.status()

    def _real_steps(self) -> Steps:
        return Steps.from_settings(lambda: self.settings, self.models, lambda: self.models.default)

    def _hear_job(self, event: JobEvent) -> None:
        self.bulletin.announce(event)
        self.metrics.hear_job(event)

    def _hear_model(self, event: ModelEvent) -> None:
        _log_model(event)
        self.metrics.hear_model(event)

    def _check_model(self, wanted: Settings) -> None:
        try:
            self.models.known(wanted.whisper_model)
        except NotFound as error:
            raise InvalidRequest(error.message, field="value") from None

    def _heed(self, settings: Settings) -> None:
        """Tells the parts that do not ask each time; a change of the panel counts at once."""
        logs.set_level(settings.log_level, debug=settings.debug_mode)
        self.store.downloads_allowed = settings.model_downloads
        self.models.heed(settings)
        self.queue.limit = settings.queue_limit
        self.queue.limit_per_user = settings.queue_limit_per_user
        self.live.limits = limits_of(settings)


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
