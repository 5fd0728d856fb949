"""The manager of live sessions: opens them within limits, feeds packets, resumes, stops and cancels them."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from whisper_appliance.accounts.tokens import new_token, token_hash
from whisper_appliance.core import descriptors
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.clock import now, written
from whisper_appliance.core.errors import ApplianceError, Busy, DiskFull, InvalidRequest, NotFound, TooLarge
from whisper_appliance.core.ids import new_id
from whisper_appliance.library.transcript_rows import NO_OWNER
from whisper_appliance.live.decode_loop import DecodeLoop
from whisper_appliance.live.encoded_recording import CONTAINERS
from whisper_appliance.live.events import Failed
from whisper_appliance.live.final_transcript import FinishedSession
from whisper_appliance.live.finisher import Finisher
from whisper_appliance.live.live_session import LiveAnnouncement, LiveSession, PublishLive
from whisper_appliance.live.ports import EngineLease, ModelsPort
from whisper_appliance.live.reaper import SessionReaper
from whisper_appliance.live.registry import GONE, SessionRegistry
from whisper_appliance.live.replay import SessionInfo, SessionRequest
from whisper_appliance.live.results import Ack, LiveCounts, LiveLimits, Opened, Resumed
from whisper_appliance.live.sharing import CaptionSharing

__all__ = [
    "Ack",
    "FinishedSession",
    "LiveAnnouncement",
    "LiveCounts",
    "LiveLimits",
    "LiveManager",
    "Opened",
    "Resumed",
    "SessionRequest",
]

CREDIT_SECONDS = 30.0
ARRIVING_SECONDS = 3.0
"""Without a packet for so long, a session's audio counts as interrupted."""
log = structlog.get_logger()


class LiveManager:
    """All live sessions. Thread-safe; no method waits for decoding.

    A session belongs to the connection that opened or resumed it last; others get `NotFound`.
    """

    def __init__(
        self,
        folder: Path,
        models: ModelsPort,
        *,
        save_transcript: Callable[[FinishedSession], str],
        retranscribe: Callable[[FinishedSession], None],
        announce: PublishLive,
        limits: LiveLimits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes the hooks of finished sessions and of events.

        `save_transcript` stores the transcript of the captions and returns its id; it may be called twice.
        `retranscribe` enqueues a job for the recording; it is retried if it fails. `announce` is called from
        the live threads, in order for each session, and must return soon.
        """
        self._folder = folder
        self._models = models
        self._announce = announce
        self.limits = limits
        self._clock = clock
        self._registry = SessionRegistry()
        self.sharing = CaptionSharing(self._registry)
        self._reaper = SessionReaper(
            self._registry, retention_seconds=lambda: self.limits.resume_seconds, clock=clock
        )
        self._decode_loop = DecodeLoop(models, on_finished=self._finish, on_tick=self._check, clock=clock)
        self._finisher = Finisher(
            save_transcript, retranscribe, on_done=self._reaper.retain, on_discarded=self._reaper.remove
        )

    def launch(self) -> None:
        """Restores the sessions of an earlier run and starts the threads. Call it once, after a fork."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in sorted(path for path in self._folder.iterdir() if path.is_dir()):
            self._restore(folder)
        self._decode_loop.start()
        self._reaper.start()

    def close(self) -> None:
        """Stops all threads; the next start continues the sessions."""
        self._decode_loop.close()
        self._finisher.close()
        self._reaper.close()
        self._registry.close()

    def open(
        self, request: SessionRequest, *, owner: str, connection: str, key_id: str = "", network: str = ""
    ) -> Opened:
        """Opens a session. Those of clients without an account are also limited by `network`, theirs.

        Raises `Busy`, `DiskFull`, `Unavailable`, `NotFound` (no such model), `InvalidRequest`.
        """
        _check_format(request)
        token = new_token()
        model = request.model or self._models.default
        max_seconds = self.limits.session_seconds
        info = SessionInfo(
            new_id(), owner, written(now()), token_hash(token), model, max_seconds, request, key_id
        )
        with self._registry.lock:
            self._check_limits(owner, network)
            session = LiveSession.create(self._folder / info.id, info, self._announce)
            session.network = network
            self._attach(session, connection)
            self._registry.add(session)
        try:
            lease = EngineLease(self._models, model)
        except ApplianceError:
            self._reaper.remove(session)
            raise
        self._decode_loop.add(session, lease)
        credit_ms = round(CREDIT_SECONDS * 1000)
        return Opened(session.id, token, 0, credit_ms, self.limits.packet_bytes, max_seconds)

    def feed(self, session: str, seq: int, data: bytes, *, connection: str) -> Ack:
        """Spools packet `seq`; it is on disk when this returns.

        Raises `NotFound` (no such session), `InvalidRequest`, `TooLarge`, `DiskFull`.
        """
        fed = self._registry.attached(session, connection)
        if len(data) > self.limits.packet_bytes:
            raise TooLarge(
                "The packet is too large. The limit is {packet_bytes} bytes.",
                packet_bytes=self.limits.packet_bytes,
                field="audio",
            )
        if seq < 0 or not data:
            raise InvalidRequest("A packet needs a sequence number from 0 on, and audio.", field="audio")
        ok = fed.recording.append(seq, data)
        fed.active_at = self._clock()
        self._decode_loop.wake()
        return _ack(fed, ok)

    def attached(self, session: str, *, connection: str) -> LiveSession:
        """The open session of a connection. Raises `NotFound`."""
        return self._registry.attached(session, connection)

    def resume(self, session: str, token: str, *, last_eid: int | None, connection: str) -> Resumed:
        """Attaches a session to this connection and replays the events it missed. Raises `NotFound`.

        `last_eid` is the last event that the client received; None if it lost its state.
        """
        resumed = self._registry.find(session)
        if resumed is None or not resumed.token_matches(token):
            raise NotFound(GONE)
        with resumed.lock:
            self._attach(resumed, connection)
            missed = None if last_eid is None else resumed.events_since(last_eid)
            snapshot = resumed.snapshot() if missed is None else None
            missed = resumed.closing_events() if missed is None else missed
            return Resumed(resumed.recording.next_seq, tuple(missed), resumed.partial, snapshot)

    def stop(self, session: str, next_seq: int, *, connection: str) -> Ack:
        """Stops a session once all packets before `next_seq` have arrived; not ok if some are missing."""
        stopped = self._registry.attached(session, connection)
        ok = stopped.recording.next_seq >= next_seq
        if ok:
            self._stop(stopped)
        return _ack(stopped, ok)

    def flush(self, session: str, *, connection: str) -> None:
        """Commits the words of all audio received so far, without a pause; the event `flushed` follows."""
        self._registry.attached(session, connection).flush()
        self._decode_loop.wake()

    def cancel(self, session: str, *, connection: str) -> None:
        """Cancels a session; nothing of it is kept."""
        self._registry.attached(session, connection).cancelled = True
        self._decode_loop.wake()

    def while_not_finishing(self, act: Callable[[], None]) -> None:
        """Calls `act` while no session is being finished, so that its change applies to the next one."""
        self._finisher.pause(act)

    def detach(self, session: str, *, connection: str) -> None:
        """Detaches a closed connection. The session is stopped if it is not resumed in time."""
        left = self._registry.find(session)
        if left:
            with left.lock:
                if left.connection == connection:
                    self._attach(left, "")

    def counts(self) -> LiveCounts:
        """The number of open sessions and the lag of the slowest."""
        lags = [session.lag_seconds for session in self._registry.sessions if not session.ended]
        return LiveCounts(len(lags), self.limits.sessions, round(max(lags, default=0.0) * 1000))

    @property
    def sessions(self) -> tuple[LiveSession, ...]:
        """All sessions, also those that have ended and are still available."""
        return self._registry.sessions

    def stop_with_reason(self, session: LiveSession, code: str, message: str, *, fatal: bool = False) -> None:
        """Stops a session as its client would, and sends the reason to the client."""
        session.publish([Failed(code, message, fatal)])
        self._stop(session)

    def _restore(self, folder: Path) -> None:
        session = LiveSession.restore(folder, self._announce)
        if session is None:
            log.warning("a live session was not created completely", folder=folder.name)
            return
        session.active_at = self._clock()
        self._registry.add(session)
        if session.ended:
            self._finisher.finish(session)
        else:
            self._decode_loop.add(session, None)

    def _check_limits(self, owner: str, network: str) -> None:
        descriptors.check()
        if shutil.disk_usage(self._folder).free < self.limits.min_free_bytes:
            raise DiskFull("There is too little free disk space to record.", retry_after_seconds=60)
        open_sessions = [session for session in self._registry.sessions if not session.ended]
        if len(open_sessions) >= self.limits.sessions:
            raise Busy(
                "All live sessions are taken. Try again later.",
                retry_after_seconds=30,
                limit_name="live_sessions",
            )
        # the clients of those that are stopping have ended them; their last words are being decoded
        ongoing = [session for session in open_sessions if not session.stopping]
        owned = sum(each.info.owner == owner for each in ongoing)
        if owner != NO_OWNER and owned >= self.limits.sessions_per_user:
            raise Busy(
                "You have {owned} live sessions already. End one first.",
                owned=owned,
                retry_after_seconds=30,
                limit_name="live_sessions_per_user",
            )
        # a program may transcribe several speakers; a quarter stays for others
        of_network = max(self.limits.sessions_per_user, self.limits.sessions * 3 // 4)
        if network and sum(each.network == network for each in ongoing) >= of_network:
            raise Busy(
                "Your address has as many live sessions as it may. End one first.",
                retry_after_seconds=30,
                limit_name="live_sessions_per_user",
            )

    def _attach(self, session: LiveSession, connection: str) -> None:
        session.connection = connection
        session.active_at = self._clock()

    def _stop(self, session: LiveSession) -> None:
        session.stop()
        self._decode_loop.wake()

    def _check(self, session: LiveSession, now: float) -> None:
        """Stops a session whose audio is undecodable, that is idle, or that reached its maximum length."""
        session.recording.poll()
        if session.stopping:
            return
        session.set_arriving(now - session.active_at < ARRIVING_SECONDS)
        if session.recording.problem:
            self.stop_with_reason(session, "undecodable", session.recording.problem, fatal=True)
            return
        timeout = self.limits.idle_seconds if session.connection else self.limits.resume_seconds
        if now - session.active_at > timeout:
            self.stop_with_reason(session, "idle", "The recording was ended, because no audio arrived.")
        elif session.recording.samples >= self.limits.session_seconds * SAMPLE_RATE:
            self.stop_with_reason(
                session, "session_limit", "The recording was ended, because it reached the maximum length."
            )

    def _finish(self, session: LiveSession) -> None:
        self._decode_loop.remove(session)
        self._finisher.finish(session)


def _check_format(request: SessionRequest) -> None:
    if request.format != "pcm_s16le" and request.format not in CONTAINERS:
        raise InvalidRequest("Live audio must be pcm_s16le, webm_opus or mp4_aac.", field="format")
    if request.format == "pcm_s16le" and request.rate != SAMPLE_RATE:
        raise InvalidRequest("pcm_s16le must have 16000 samples a second.", field="rate")


def _ack(session: LiveSession, ok: bool) -> Ack:
    credit = max(0.0, CREDIT_SECONDS - session.lag_seconds)
    return Ack(ok, session.recording.next_seq, round(session.lag_seconds * 1000), round(credit * 1000))
