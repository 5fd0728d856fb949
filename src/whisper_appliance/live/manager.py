"""All microphones that are on: begun within limits, fed, left, taken up again, ended with a transcript."""

import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.clock import now, written
from whisper_appliance.core.errors import ApplianceError, Busy, DiskFull, InvalidRequest, NotFound, TooLarge
from whisper_appliance.library.transcript_rows import NO_OWNER, new_id
from whisper_appliance.live import events
from whisper_appliance.live.decode_loop import Worker
from whisper_appliance.live.encoded_recording import CONTAINERS
from whisper_appliance.live.final_transcript import FinishedSession
from whisper_appliance.live.finisher import Finisher
from whisper_appliance.live.live_session import LiveAnnouncement, LiveSession, PublishLive, digest, new_token
from whisper_appliance.live.ports import EngineLease, ModelsPort
from whisper_appliance.live.recently_ended import RecentlyEnded
from whisper_appliance.live.replay import SessionInfo, SessionRequest
from whisper_appliance.live.results import Ack, LiveCounts, LiveLimits, Opened, Resumed, ViewerState

__all__ = [
    "Ack",
    "LiveAnnouncement",
    "FinishedSession",
    "LiveLimits",
    "LiveCounts",
    "Opened",
    "SessionRequest",
    "Resumed",
    "LiveManager",
]

CREDIT_SECONDS = 30.0
SYNC_SECONDS = 1.0
GONE = "There is no such live session: it has ended, or it is not yours."
log = structlog.get_logger()


class LiveManager:
    """The live room. Every method may be called from any thread; none waits for words.

    A session belongs to the connection that opened or resumed it last; for others it is not there.
    """

    def __init__(
        self,
        folder: Path,
        models: ModelsPort,
        *,
        keep: Callable[[FinishedSession], str],
        hear_again: Callable[[FinishedSession], None],
        announce: PublishLive,
        limits: LiveLimits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`keep` stores the transcript of the captions and returns its id; it may be called twice.

        `hear_again` puts the recording on the ordinary road; what it raises is tried again later.
        `announce` is called from the live threads, in order for each session, and must return soon.
        """
        self._folder = folder
        self._models = models
        self._announce = announce
        self.limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._streams: dict[str, LiveSession] = {}
        self._over = RecentlyEnded(lambda: self.limits.resume_seconds, clock)
        self._worker = Worker(models, over=self._finish, look=self._look, clock=clock)
        self._finisher = Finisher(keep, hear_again, done=self._note_over, gone=self._remove)
        self._closed = threading.Event()
        self._syncer = threading.Thread(target=self._sync, name="live-sync", daemon=True)

    def launch(self) -> None:
        """Rebuilds what an earlier run left, and begins. To be called once, after a fork."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in sorted(path for path in self._folder.iterdir() if path.is_dir()):
            self._restore(folder)
        self._worker.start()
        self._syncer.start()

    def close(self) -> None:
        """Stops here and now; sessions go on after the next start."""
        self._closed.set()
        self._worker.close()
        self._finisher.close()
        if self._syncer.is_alive():
            self._syncer.join()
        with self._lock:
            for stream in self._streams.values():
                stream.close()
            self._streams.clear()

    def open(self, request: SessionRequest, *, owner: str, connection: str, key_id: str = "") -> Opened:
        """Begins one. Raises `Busy`, `DiskFull`, `ModelUnavailable`, `NotFound` (model), `InvalidRequest`."""
        _check(request)
        token = new_token()
        model = request.model or self._models.default
        longest = self.limits.session_seconds
        facts = SessionInfo(new_id(), owner, written(now()), digest(token), model, longest, request, key_id)
        with self._lock:
            self._check_room(owner)
            stream = LiveSession.begin(self._folder / facts.id, facts, self._announce)
            self._attach(stream, connection)
            self._streams[stream.id] = stream
        try:
            lease = EngineLease(self._models, model)
        except ApplianceError:
            self._remove(stream)
            raise
        self._worker.add(stream, lease)
        credit = round(CREDIT_SECONDS * 1000)
        return Opened(stream.id, token, 0, credit, self.limits.packet_bytes, longest)

    def feed(self, session: str, seq: int, data: bytes, *, connection: str) -> Ack:
        """Takes packet `seq`; when this returns, it is on disk.

        Raises `NotFound` (the session is gone), `InvalidRequest`, `TooLarge`, `DiskFull`.
        """
        stream = self._attached(session, connection)
        if len(data) > self.limits.packet_bytes:
            raise TooLarge(f"A packet may have {self.limits.packet_bytes} bytes.", field="audio")
        if seq < 0 or not data:
            raise InvalidRequest("A packet needs a number from 0 on, and audio.", field="audio")
        ok = stream.recording.append(seq, data)
        stream.active_at = self._clock()
        self._worker.wake()
        return _ack(stream, ok)

    def resume(self, session: str, token: str, *, last_eid: int | None, connection: str) -> Resumed:
        """Takes a session up again: this connection is its newest from now on. Raises `NotFound`.

        `last_eid` is the last event that the client has; None, when it has none of its state any more.
        """
        stream = self._streams.get(session)
        if stream is None or not stream.token_matches(token):
            raise NotFound(GONE)
        with stream.lock:
            self._attach(stream, connection)
            missed = None if last_eid is None else stream.missed(last_eid)
            snapshot = stream.snapshot() if missed is None else None
            missed = stream.ending() if missed is None else missed
            return Resumed(stream.recording.next_seq, tuple(missed), stream.partial, snapshot)

    def stop(self, session: str, next_seq: int, *, connection: str) -> Ack:
        """Ends a session once all packets before `next_seq` are there; not ok where some are missing."""
        stream = self._attached(session, connection)
        ok = stream.recording.next_seq >= next_seq
        if ok:
            self._stop(stream)
        return _ack(stream, ok)

    def cancel(self, session: str, *, connection: str) -> None:
        """Ends a session of which nothing is to be kept."""
        stream = self._attached(session, connection)
        stream.cancelled = True
        self._worker.wake()

    def while_not_finishing(self, act: Callable[[], None]) -> None:
        """Does something while none is being ended: what it changes holds for the next that is."""
        self._finisher.between(act)

    def leave(self, session: str, *, connection: str) -> None:
        """This connection is gone. If no other takes the session up in time, it ends as by `stop`."""
        stream = self._streams.get(session)
        if stream:
            with stream.lock:
                if stream.connection == connection:
                    self._attach(stream, "")

    def share(self, session: str, *, connection: str = "", owner: str = "", token: str = "") -> str:
        """A token for a read-only link to the captions; the same each time.

        For the session's connection, and from elsewhere for its owner or whoever has its token.
        """
        stream = self._theirs(session, connection, owner, token)
        if not stream.share:
            stream.set_share_token(new_token())
        return stream.share

    def unshare(self, session: str, *, connection: str = "", owner: str = "", token: str = "") -> str:
        """The link leads nowhere from now on. Returns its token."""
        stream = self._theirs(session, connection, owner, token)
        share = stream.share
        stream.set_share_token("")
        return share

    def watch(self, share_token: str) -> ViewerState:
        """The session behind a link, and all of its words so far. Raises `NotFound`."""
        wanted = digest(share_token)
        for stream in list(self._streams.values()):
            if stream.share and digest(stream.share) == wanted:
                with stream.lock:
                    return ViewerState(stream.id, stream.snapshot(), stream.partial, stream.ended)
        raise NotFound("These captions are not there any more.")

    def counts(self) -> LiveCounts:
        """How many there are, and how they keep up."""
        lags = [stream.lag_seconds for stream in list(self._streams.values()) if not stream.ended]
        return LiveCounts(len(lags), self.limits.sessions, round(max(lags, default=0.0) * 1000))

    def _restore(self, folder: Path) -> None:
        stream = LiveSession.restored(folder, self._announce)
        if stream is None:
            log.warning("a live session had not begun", folder=folder.name)
            return
        stream.active_at = self._clock()
        self._streams[stream.id] = stream
        if stream.ended:
            self._finisher.finish(stream)
        else:
            self._worker.add(stream, None)

    def _check_room(self, owner: str) -> None:
        if shutil.disk_usage(self._folder).free < self.limits.min_free_bytes:
            raise DiskFull("There is too little free disk space to record.", retry_after_seconds=60)
        open_ones = [stream for stream in self._streams.values() if not stream.ended]
        if len(open_ones) >= self.limits.sessions:
            raise Busy("All live sessions are taken. Try again later.", retry_after_seconds=30)
        theirs = sum(stream.facts.owner == owner for stream in open_ones)
        if owner != NO_OWNER and theirs >= self.limits.sessions_per_user:
            raise Busy(f"You have {theirs} live sessions already. End one first.", retry_after_seconds=30)

    def _attached(self, session: str, connection: str) -> LiveSession:
        stream = self._streams.get(session)
        if stream is None or stream.ended or not connection or stream.connection != connection:
            raise NotFound(GONE)
        return stream

    def _theirs(self, session: str, connection: str, owner: str, token: str) -> LiveSession:
        stream = self._streams.get(session)
        if stream and ((owner and stream.facts.owner == owner) or (token and stream.token_matches(token))):
            return stream
        return self._attached(session, connection)

    def _attach(self, stream: LiveSession, connection: str) -> None:
        stream.connection = connection
        stream.active_at = self._clock()

    def _stop(self, stream: LiveSession) -> None:
        stream.stop()
        self._worker.wake()

    def _look(self, stream: LiveSession, now: float) -> None:
        """Called now and then: ends what nobody feeds any more, or what has become too long."""
        stream.recording.look()
        if stream.stopping:
            return
        if stream.recording.problem:
            self.stop_with_reason(stream, "undecodable", stream.recording.problem, fatal=True)
            return
        patience = self.limits.idle_seconds if stream.connection else self.limits.resume_seconds
        if now - stream.active_at > patience:
            self.stop_with_reason(
                stream, "idle", "No audio has come for a while, so the recording was ended."
            )
        elif stream.recording.samples >= self.limits.session_seconds * SAMPLE_RATE:
            self.stop_with_reason(
                stream, "session_limit", "The recording has reached the longest time allowed."
            )

    @property
    def streams(self) -> tuple[LiveSession, ...]:
        """All that are here now, those too that have ended and can still be asked for."""
        return tuple(self._streams.values())

    def stop_with_reason(self, stream: LiveSession, code: str, message: str, *, fatal: bool = False) -> None:
        """As `stop`, with a reason that is told to the speaker."""
        stream.tell([events.Failed(code, message, fatal)])
        self._stop(stream)

    def _finish(self, stream: LiveSession) -> None:
        self._worker.drop(stream)
        self._finisher.finish(stream)

    def _note_over(self, stream: LiveSession) -> None:
        with suppress(OSError):
            stream.sync()
        self._over.add(stream.id)

    def _sync(self) -> None:
        """Once a second: to the disk with what came, and away with what nobody will ask for any more."""
        while not self._closed.wait(SYNC_SECONDS):
            for stream in list(self._streams.values()):
                if stream.id not in self._over:
                    with suppress(OSError):
                        stream.sync()
            for id in self._over.expired():
                self._remove(self._streams[id])

    def _remove(self, stream: LiveSession) -> None:
        with self._lock:
            self._streams.pop(stream.id, None)
            self._over.discard(stream.id)
        stream.remove()


def _check(request: SessionRequest) -> None:
    if request.format != "pcm_s16le" and request.format not in CONTAINERS:
        raise InvalidRequest("Live audio comes as pcm_s16le, webm_opus or mp4_aac.", field="format")
    if request.format == "pcm_s16le" and request.rate != SAMPLE_RATE:
        raise InvalidRequest("pcm_s16le comes at 16000 samples a second.", field="rate")


def _ack(stream: LiveSession, ok: bool) -> Ack:
    credit = max(0.0, CREDIT_SECONDS - stream.lag_seconds)
    return Ack(ok, stream.recording.next_seq, round(stream.lag_seconds * 1000), round(credit * 1000))
