"""The live room of this appliance: its folder, its limits, and where its recordings go in the end."""

from whisper_appliance.appliance.recordings import Recordings
from whisper_appliance.history.store import History
from whisper_appliance.jobs.queue import Queue
from whisper_appliance.live.leases import Models
from whisper_appliance.live.sessions import Limits, Sessions
from whisper_appliance.live.stream import Announce
from whisper_appliance.settings import Settings


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
