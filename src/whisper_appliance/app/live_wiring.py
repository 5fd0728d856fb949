"""Builds the live manager of this appliance: its folder, its limits, and the hand-over of its recordings."""

from whisper_appliance.app.live_handover import LiveHandover
from whisper_appliance.config.settings import Settings
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.live.live_session import PublishLive
from whisper_appliance.live.manager import LiveLimits, LiveManager
from whisper_appliance.live.ports import ModelsPort


def build_live(
    settings: Settings,
    models: ModelsPort,
    history: TranscriptRepository,
    queue: JobQueue,
    announce: PublishLive,
) -> LiveManager:
    """Builds the manager of live sessions; it is not launched yet."""
    recordings = LiveHandover(settings.storage_folder, history, queue)
    return LiveManager(
        settings.data_dir / "live",
        models,
        save_transcript=recordings.save_transcript,
        retranscribe=recordings.enqueue_retranscription,
        announce=announce,
        limits=live_limits(settings),
    )


def live_limits(settings: Settings) -> LiveLimits:
    """The limits of live sessions: their number, their length, and the size of their packets."""
    return LiveLimits(
        sessions=settings.live_sessions,
        sessions_per_user=settings.live_sessions_per_user,
        session_seconds=settings.live_seconds,
        idle_seconds=settings.live_idle_seconds,
        resume_seconds=settings.live_resume_seconds,
        packet_bytes=int(settings.live_packet_size),
        min_free_bytes=int(settings.min_free_disk),
    )
