"""Builds the live manager of this appliance: its folder, its limits, and the hand-over of its recordings."""

from whisper_appliance.app.live_handover import LiveHandover
from whisper_appliance.config.settings import Settings
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.live.live_session import Announce
from whisper_appliance.live.manager import Limits, Sessions
from whisper_appliance.live.ports import Models


def build_live(
    settings: Settings, models: Models, history: TranscriptRepository, queue: JobQueue, announce: Announce
) -> Sessions:
    """Builds the manager of live sessions; it is not launched yet."""
    recordings = LiveHandover(settings.storage_folder, history, queue)
    return Sessions(
        settings.data_dir / "live",
        models,
        keep=recordings.save_transcript,
        hear_again=recordings.enqueue_retranscription,
        announce=announce,
        limits=live_limits(settings),
    )


def live_limits(settings: Settings) -> Limits:
    """The limits of live sessions: their number, their length, and the size of their packets."""
    return Limits(
        sessions=settings.live_sessions,
        sessions_per_user=settings.live_sessions_per_user,
        session_seconds=settings.live_seconds,
        idle_seconds=settings.live_idle_seconds,
        resume_seconds=settings.live_resume_seconds,
        packet_bytes=int(settings.live_packet_size),
        min_free_bytes=int(settings.min_free_disk),
    )
