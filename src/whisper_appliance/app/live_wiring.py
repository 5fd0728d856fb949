"""The live room of this appliance: its folder, its limits, and where its recordings go in the end."""

from whisper_appliance.app.live_handover import Recordings
from whisper_appliance.config.settings import Settings
from whisper_appliance.jobs.queue import Queue
from whisper_appliance.library.transcripts import History
from whisper_appliance.live.live_session import Announce
from whisper_appliance.live.manager import Limits, Sessions
from whisper_appliance.live.ports import Models


def live_room(
    settings: Settings, models: Models, history: History, queue: Queue, announce: Announce
) -> Sessions:
    """Not launched yet."""
    recordings = Recordings(settings.storage_folder, history, queue)
    return Sessions(
        settings.data_dir / "live",
        models,
        keep=recordings.keep,
        hear_again=recordings.hear_again,
        announce=announce,
        limits=limits_of(settings),
    )


def limits_of(settings: Settings) -> Limits:
    """How many sessions there may be, how long, and what they may send."""
    return Limits(
        sessions=settings.live_sessions,
        sessions_per_user=settings.live_sessions_per_user,
        session_seconds=settings.live_seconds,
        idle_seconds=settings.live_idle_seconds,
        resume_seconds=settings.live_resume_seconds,
        packet_bytes=int(settings.live_packet_size),
        min_free_bytes=int(settings.min_free_disk),
    )
