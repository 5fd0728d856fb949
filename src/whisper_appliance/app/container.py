"""The container: every part of the appliance, built from the settings and handed out. Imports no Flask."""

import threading
from collections.abc import Callable

import structlog

from whisper_appliance.accounts.accounts import Accounts
from whisper_appliance.accounts.audit import Audit
from whisper_appliance.accounts.oidc_provider import OidcProvider
from whisper_appliance.accounts.passwords import Passwords
from whisper_appliance.accounts.provider_sessions import ProviderSessions
from whisper_appliance.accounts.single_sign_on import SingleSignOn
from whisper_appliance.app.admission import Admission, make_usage, on_owner_deleted, quota_check, usage_hook
from whisper_appliance.app.attention import Attention
from whisper_appliance.app.audio_retention import retention
from whisper_appliance.app.backup_service import BackupService
from whisper_appliance.app.event_bus import EventBus
from whisper_appliance.app.excerpts import Excerpts
from whisper_appliance.app.import_transcripts import ImportTranscripts
from whisper_appliance.app.job_notifier import JobNotifier
from whisper_appliance.app.language_detection import LanguageDetection
from whisper_appliance.app.live_quota import LiveQuota
from whisper_appliance.app.live_wiring import build_live, live_limits
from whisper_appliance.app.model_admin import ModelAdmin
from whisper_appliance.app.model_suggestions import ModelSuggestions
from whisper_appliance.app.notifier import Notifier
from whisper_appliance.app.own_model import own_model
from whisper_appliance.app.ownership import AllOwnedData
from whisper_appliance.app.partial_uploads import PartialUploads
from whisper_appliance.app.program_requests import ProgramRequests
from whisper_appliance.app.remote.recordings import RemoteRecordings
from whisper_appliance.app.submit_recording import SubmitRecording
from whisper_appliance.app.subtitled_films import SubtitledFilms
from whisper_appliance.app.translate_recording import TranslateRecording
from whisper_appliance.app.translate_transcript import TranslateTranscript
from whisper_appliance.app.voice_samples import VoiceSamples
from whisper_appliance.app.watch_folder.rules import WatchRules
from whisper_appliance.app.watch_folder.watch_folder import WatchFolder
from whisper_appliance.app.word_alignment import WordAligner, WordAlignment
from whisper_appliance.config.override_rows import OverrideRows
from whisper_appliance.config.overrides import SettingOverrides
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import BadSetting, InvalidRequest, NotFound
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.host.certificates import Certificates, check_names
from whisper_appliance.host.ports import check_free
from whisper_appliance.host.releases import UpdateChecks
from whisper_appliance.jobs.admin_queries import JobAdminQueries
from whisper_appliance.jobs.cluster import Cluster
from whisper_appliance.jobs.events import JobChanged, JobDone, JobEvent, JobFailed
from whisper_appliance.jobs.limits import QueueLimits
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.jobs.storage import JobFolders
from whisper_appliance.jobs.transcription_job import JobSteps
from whisper_appliance.library.bulk_actions import BulkActions
from whisper_appliance.library.chapters import Chapters
from whisper_appliance.library.edits import TranscriptEdits
from whisper_appliance.library.facets import LibraryFacets
from whisper_appliance.library.folder_shares import FolderShares
from whisper_appliance.library.folders import Folders
from whisper_appliance.library.listing import TranscriptListing
from whisper_appliance.library.notes import Notes
from whisper_appliance.library.ownership import TranscriptOwnership
from whisper_appliance.library.presets import Presets
from whisper_appliance.library.recordings import Recordings
from whisper_appliance.library.shares import Shares
from whisper_appliance.library.storage_usage import StorageUsage
from whisper_appliance.library.tags import Tags
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.library.translations import Translations
from whisper_appliance.library.voices import Voices
from whisper_appliance.live.admin import LiveAdmin
from whisper_appliance.live.ports import ModelsPort
from whisper_appliance.models.by_language import models_by_language
from whisper_appliance.models.default_model import PersistedDefault
from whisper_appliance.models.downloads import Downloads
from whisper_appliance.models.events import ModelEvent
from whisper_appliance.models.hub import Hub
from whisper_appliance.models.manager import ModelManager
from whisper_appliance.models.store import ModelStore
from whisper_appliance.monitoring import logs
from whisper_appliance.monitoring.job_traces import JobTraces, exporting
from whisper_appliance.monitoring.logs.sinks import LogSinks
from whisper_appliance.monitoring.metrics import Metrics
from whisper_appliance.monitoring.resource_sampler import ResourceSampler
from whisper_appliance.monitoring.statistics import Statistics
from whisper_appliance.monitoring.status_collector import StatusCollector
from whisper_appliance.monitoring.status_types import Status
from whisper_appliance.storage.database import Database
from whisper_appliance.translation.registry import installed_pairs
from whisper_appliance.webhooks.dispatcher import WebhookDispatcher
from whisper_appliance.webhooks.mail import MailSender
from whisper_appliance.webhooks.repository import WebhookRepository
from whisper_appliance.webhooks.sender import MessageSender

MakeSteps = Callable[[Settings, ModelManager[EngineProcess]], JobSteps]
log = structlog.get_logger()


class Container:
    """The parts of one appliance. Building them writes, loads and starts nothing."""

    def __init__(
        self,
        settings: Settings,
        *,
        stopping: threading.Event | None = None,
        make_steps: MakeSteps | None = None,
        live_models: ModelsPort | None = None,
        hub: Hub | None = None,
        passwords: Passwords | None = None,
    ) -> None:
        """Builds the parts in the order in which they need each other.

        `stopping` may be set some time before `close`: running jobs stop, and waiting requests are answered.
        `make_steps` replaces the real decoder and engine of jobs, `live_models` the models of live sessions,
        `hub` the source of downloads, `passwords` the cost of a password hash.
        """
        self._settings_listeners: list[Callable[[Settings], None]] = []
        self._build_storage(settings)
        models_by_language(settings.model_by_language)  # a language that does not exist stops the start
        self._build_monitoring()
        self._build_library()
        self._build_webhooks()
        self._build_models(hub)
        self._build_alignment()
        self._build_jobs(make_steps, stopping)
        self._build_translation()
        self._build_live(live_models)
        self._build_accounts(passwords)
        self.certificates = (
            Certificates.from_settings(lambda: self.settings) if settings.https_enabled else None
        )
        self.status_collector = StatusCollector(
            lambda: self.settings, self.models, self.queue, self.live, self.certificates, self.job_folders
        )
        self.resource_sampler = ResourceSampler(self.status_collector.status)
        self.update_checks = UpdateChecks()
        self.attention = Attention(
            self.overrides,
            self.backups,
            self.store,
            self.queue.cluster.workers,
            lambda: self.update_checks.last,
            lambda: self.accounts.first_steps.are_open,
        )

    @property
    def settings(self) -> Settings:
        """The settings in force; some of them change while the appliance runs."""
        return self.overrides.settings

    def on_settings_changed(self, listener: Callable[[Settings], None]) -> None:
        """Calls `listener` with the new settings whenever a change takes effect at once."""
        self._settings_listeners.append(listener)

    def _build_storage(self, settings: Settings) -> None:
        url = settings.database_url.get_secret_value() if settings.database_url else None
        self.job_folders = JobFolders(settings.data_dir, settings.storage_folder)
        self.database = Database.in_folder(settings.data_dir, url)
        self.overrides = SettingOverrides(
            OverrideRows(self.database),
            settings,
            checks={
                "whisper_model": self._check_model,
                "model_by_language": self._check_models_by_language,
                "certificate_names": _check_names,
                "wyoming_port": self._check_wyoming_port,
            },
            on_change=self._publish_settings,
        )
        if names := self.overrides.not_applied:
            log.warning("overrides ignored: only the environment sets these", settings=", ".join(names))

    def _build_monitoring(self) -> None:
        settings = self.settings
        self.log_sinks = LogSinks(
            settings.data_dir / "logs", max_bytes=int(settings.log_file_size), debug=settings.debug_mode
        )
        self.metrics = Metrics(self._status)
        self.program_requests = ProgramRequests()
        self._settings_listeners.append(
            lambda changed: logs.set_level(changed.log_level, debug=changed.debug_mode)
        )

    def _build_library(self) -> None:
        settings = self.settings
        audio = settings.storage_folder / "audio"
        self.backups = BackupService(settings, self.database)
        self.voice_samples = VoiceSamples(lambda: self.settings)
        self.excerpts = Excerpts(lambda: self.settings)
        self.listing = TranscriptListing(self.database)
        self.facets = LibraryFacets(self.database)
        self.folders = Folders(self.database)
        self.tags = Tags(self.database)
        self.bulk_actions = BulkActions(self.database)
        self.audit = Audit(self.database)
        self.shares = Shares(self.database)
        self.folder_shares = FolderShares(self.database)
        self.presets = Presets(self.database)
        self.usage = make_usage(self.database, lambda: self.settings)
        self.statistics = Statistics(self.database)
        self.storage_usage = StorageUsage(self.database, audio)
        self.recordings = Recordings(
            self.database,
            audio,
            days_of=retention(lambda: self.settings, lambda: self.accounts.users),
            is_mounted=self.job_folders.are_mounted,
        )
        self.subtitled_films = SubtitledFilms(
            lambda: self.settings, self.recordings, settings.data_dir / "decoded"
        )
        self.transcripts = TranscriptRepository(
            self.database, audio_folder=audio, on_created=usage_hook(self.usage)
        )
        self.partial_uploads = PartialUploads(settings.storage_folder / "partial")
        self.edit_notifier = Notifier()
        self.voices = Voices(self.database)
        self.edits = TranscriptEdits(
            self.database, announce=self.edit_notifier.wake, follow=self.voices.follow
        )
        self.notes = Notes(self.database, announce=self.edit_notifier.wake)
        self.chapters = Chapters(self.database, announce=self.edit_notifier.wake)
        self.translations = Translations(self.database, announce=self.edit_notifier.wake)

    def _build_webhooks(self) -> None:
        self.webhooks = WebhookRepository(self.database, write_audit=self.audit.record)
        self.webhook_dispatcher = WebhookDispatcher(
            self.webhooks,
            MessageSender(lambda: self.settings.webhook_private_addresses),
            MailSender(lambda: self.settings),
        )

    def _build_models(self, hub: Hub | None) -> None:
        settings = self.settings
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
            default_model=PersistedDefault(self.overrides),
        )
        self.model_admin = ModelAdmin(
            self.models, self.store, self.downloads, PersistedDefault(self.overrides)
        )
        self.model_suggestions = ModelSuggestions(self.models, lambda: self.settings)
        self.language_detection = LanguageDetection(self.models, lambda: self.settings)
        self._settings_listeners.append(self._apply_model_settings)

    def _build_alignment(self) -> None:
        aligner = WordAligner(lambda: self.models.engine(), lambda: self.settings)
        self.word_alignment = WordAlignment(self.edits, self.recordings, aligner)

    def _build_jobs(self, make_steps: MakeSteps | None, stopping: threading.Event | None) -> None:
        settings = self.settings
        self.job_notifier = JobNotifier()
        jobs = JobRepository(
            self.database,
            on_created=usage_hook(self.usage),
            on_ended=self.webhooks.enqueue_job,
            check_quota=quota_check(self.usage, self.storage_usage),
        )
        endpoint = settings.otel_exporter_otlp_endpoint
        self.job_traces = JobTraces(exporting(endpoint) if endpoint else None, jobs.get)
        self.queue = JobQueue(
            jobs,
            Cluster(self.database, jobs, self.job_folders, stopping=stopping),
            make_steps(settings, self.models) if make_steps else self._default_job_steps(),
            limits=_queue_limits(settings),
            announce=self._on_job_event,
        )
        self.admission = Admission(self.usage, self.storage_usage, self.queue)
        self.submit_recording = SubmitRecording(
            self.admission,
            self.models,
            self.queue,
            lambda: self.settings.repeat_seconds,
            model_by_language=lambda: models_by_language(self.settings.model_by_language),
            own_model=own_model(self.models, lambda: self.accounts.users),
        )
        self.watch_folder = WatchFolder(
            WatchRules.from_settings(settings),
            self.queue,
            self.transcripts,
            owner_of=lambda name: self.accounts.users.by_name(name).id,
            preset_of=self.presets.find,
            admit=self.admission.check_upload,
        )
        check = self.admission.check_storage
        self.import_transcripts = ImportTranscripts(self.transcripts, self.notes, self.chapters, check)
        self.remote_recordings = RemoteRecordings(lambda: self.settings)
        self.job_queries = JobAdminQueries(self.database)
        self._settings_listeners.append(self._apply_queue_limits)

    def _build_translation(self) -> None:
        uploads = self.settings.storage_folder / "uploads"
        recording = TranslateRecording(
            self.admission, self.models, self.queue, self.transcripts.audio, uploads
        )
        self.translate_transcript = TranslateTranscript(
            recording,
            self.admission,
            self.queue,
            uploads,
            lambda: installed_pairs(self.settings.translation_models),
        )

    def _build_live(self, live_models: ModelsPort | None) -> None:
        settings = self.settings
        self.live_events = EventBus(self.metrics.on_live_event)
        self.live = build_live(
            settings, live_models or self.models, self.transcripts, self.queue, self.live_events.publish
        )
        self.live_admin = LiveAdmin(self.live)
        self.live_quota = LiveQuota(self.live, self.usage)
        self._settings_listeners.append(self._apply_live_limits)

    def _build_accounts(self, passwords: Passwords | None) -> None:
        settings = self.settings
        self.accounts = Accounts(
            self.database,
            settings,
            owned_data=AllOwnedData(
                TranscriptOwnership(self.database, settings.storage_folder),
                end_live=self.live_admin.cancel_owned_by,
                give_live=self.live_admin.transfer,
                forget=on_owner_deleted(self.usage, self.shares),
            ),
            write_audit=self.audit.record,
            passwords=passwords,
        )
        self.provider_sessions = ProviderSessions(self.database, self.accounts.sessions)
        self.single_sign_on = SingleSignOn(
            self.database,
            self.accounts.users,
            lambda: self.settings,
            end_sessions=self.provider_sessions.end,
            write_audit=self.audit.record,
        )
        self.oidc_provider = OidcProvider(lambda: self.settings)

    def _status(self) -> Status:
        return self.status_collector.status()

    def _default_job_steps(self) -> JobSteps:
        return JobSteps.from_settings(
            lambda: self.settings,
            self.models,
            lambda: self.models.default,
            self.recordings,
            is_mounted=self.job_folders.are_mounted,
        )

    def _on_job_event(self, event: JobEvent) -> None:
        self.job_notifier.notify(event)
        self.watch_folder.on_job_event(event)
        self.metrics.on_job_event(event)
        self.job_traces.on_job_event(event)
        if isinstance(event, JobDone | JobFailed):
            self.webhook_dispatcher.wake()
            self.edit_notifier.wake(event.job_id)  # the words of a live session have the id of its job
        if isinstance(event, JobChanged) and event.translation_of:
            self.edit_notifier.wake(event.translation_of)

    def _on_model_event(self, event: ModelEvent) -> None:
        _log_model(event)
        self.metrics.on_model_event(event)

    def _check_model(self, wanted: Settings) -> None:
        try:
            self.models.canonical_name(wanted.whisper_model)
        except NotFound as error:
            raise InvalidRequest(error.message, field="value") from None

    def _check_models_by_language(self, wanted: Settings) -> None:
        try:
            for model in models_by_language(wanted.model_by_language).values():
                self.models.canonical_name(model)
        except (NotFound, BadSetting) as error:
            raise InvalidRequest(error.message, field="value") from None

    def _check_wyoming_port(self, wanted: Settings) -> None:
        if wanted.wyoming_port not in (None, self.settings.wyoming_port):
            check_free(wanted.host, wanted.wyoming_port)

    def _publish_settings(self, settings: Settings) -> None:
        """Calls the listeners of parts that hold a copy of a setting, so that changes take effect at once."""
        for apply in self._settings_listeners:
            apply(settings)

    def _apply_model_settings(self, settings: Settings) -> None:
        self.store.downloads_allowed = settings.model_downloads
        self.models.apply_settings(settings)

    def _apply_queue_limits(self, settings: Settings) -> None:
        self.queue.limits = _queue_limits(settings)

    def _apply_live_limits(self, settings: Settings) -> None:
        self.live.limits = live_limits(settings)


def _queue_limits(settings: Settings) -> QueueLimits:
    return QueueLimits(settings.queue_limit, settings.queue_limit_per_user, settings.queue_limit_per_address)


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
