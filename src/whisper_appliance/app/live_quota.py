"""The quota of live sessions: counts their minutes while they are open, and ends them when none are left."""

from collections import defaultdict

from whisper_appliance.accounts.usage import Usage
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import QuotaReached
from whisper_appliance.jobs.repository import pending_seconds
from whisper_appliance.live.live_session import LiveSession
from whisper_appliance.live.manager import LiveManager

EVERY_SECONDS = 5.0
USED_UP = "The recording was ended, because your minutes of this month are used up."


class LiveQuota:
    """Counts the open sessions of owners with a quota, here and, by the database, on other machines."""

    def __init__(self, live: LiveManager, usage: Usage) -> None:
        self._live = live
        self._usage = usage

    def count(self) -> None:
        """Counts all open sessions, and ends those of owners without minutes; their transcripts are kept."""
        by_owner: defaultdict[str, list[LiveSession]] = defaultdict(list)
        for session in self._live.sessions:
            if session.info.owner and not (session.ended or session.cancelled):
                by_owner[session.info.owner].append(session)
        for owner, sessions in by_owner.items():
            self._count(owner, sessions)

    def _count(self, owner: str, sessions: list[LiveSession]) -> None:
        quota = self._usage.effective_quota(owner)
        if quota.minutes_per_month is None:
            return
        seconds = {session.id: session.recording.samples / SAMPLE_RATE for session in sessions}
        try:
            self._usage.count_live(owner, seconds, quota, pending_seconds(owner, estimated=False))
        except QuotaReached:
            for session in sessions:
                if not session.stopping:
                    self._live.stop_with_reason(session, "quota_reached", USED_UP)
