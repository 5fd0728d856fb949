"""A live session: its recording, its streaming state, its journal, and the connection of its client.

Everything is in one folder, so that the next start continues where a crash ended this one.
"""

import hmac
import shutil
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import structlog

from whisper_appliance.accounts.tokens import token_hash
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.contract import Options
from whisper_appliance.engines.vad import FRAME
from whisper_appliance.live.encoded_recording import CONTAINERS, EncodedRecording
from whisper_appliance.live.events import AudioFlow, Committed, Event, Payload, Refined
from whisper_appliance.live.journal import Journal
from whisper_appliance.live.recording import ClosedRecording, LiveRecording, PcmRecording
from whisper_appliance.live.replay import ReplayedState, SessionInfo, SessionRequest
from whisper_appliance.live.streaming_state import StreamingState
from whisper_appliance.transcript.model import Word

MAX_REPLAYED_EVENTS = 1000
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LiveAnnouncement:
    """An event for the newest connection of a session ("" if it has none), and for viewers if `shared`."""

    session: str
    connection: str
    kind: str
    payload: Payload
    shared: bool
    recorded_seconds: float = 0.0


PublishLive = Callable[[LiveAnnouncement], None]


class LiveSession:
    """One live session. `lock` guards the connection, the share token and the order of events."""

    def __init__(
        self, folder: Path, info: SessionInfo, announce: PublishLive, replayed: ReplayedState
    ) -> None:
        self.folder = folder
        self.info = info
        self.recording = _recording(folder, info, ended=replayed.ended)
        self.lock = threading.RLock()
        self.connection = ""
        self.network = ""
        """The client's address or IPv6 network; not known after a restart."""
        self.share = replayed.share
        self.refined = replayed.refined
        self.ended = replayed.ended
        self.handed_over = replayed.handed_over
        self.stopping = False
        self.cancelled = False
        self.lag_seconds = 0.0
        self.flushes: deque[int] = deque()
        """Samples at which the open utterance is closed, oldest first."""
        self.active_at = 0.0
        self.arriving = True
        """Whether audio arrived lately; viewers are notified when it changes."""
        self._announce = announce
        self._eid = replayed.eid
        self._journal = Journal(folder / "journal")
        self._partial: Payload | None = None
        self._checkpoint = replayed.decoded_samples
        self.state = StreamingState(
            _options(info.request),
            start=replayed.resume_point,
            committed=replayed.words,
            endpointing=info.request.endpointing,
        )
        self.state.utterance = replayed.utterance + 1 if replayed.words else 0
        if replayed.stopped:
            self.stopping = True
            self.recording.finish()

    @classmethod
    def create(cls, folder: Path, info: SessionInfo, announce: PublishLive) -> "LiveSession":
        """Creates a session in a new folder."""
        folder.mkdir(parents=True, mode=0o700)
        session = cls(folder, info, announce, ReplayedState())
        session._journal.add({"kind": "session", **asdict(info)})
        return session

    @classmethod
    def restore(cls, folder: Path, announce: PublishLive) -> "LiveSession | None":
        """Replays the journal of an earlier run; None if that run ended before the session was created."""
        if not (folder / "journal").is_file():
            return None
        journal = Journal(folder / "journal")
        replayed = ReplayedState()
        for record in journal.records():
            replayed.apply(record)
        journal.close()
        return cls(folder, replayed.info, announce, replayed) if replayed.info else None

    @property
    def id(self) -> str:
        """The session's id, which is also the id of its transcript."""
        return self.info.id

    def token_matches(self, token: str) -> bool:
        """Compares a token with the session's, in constant time."""
        return hmac.compare_digest(token_hash(token), self.info.token_sha256)

    def publish(self, events: list[Event]) -> None:
        """Writes events to the journal, then announces them, each once and in order."""
        with self.lock:
            for event in events:
                payload = event.payload()
                if event.journaled:
                    payload = {"eid": self._eid + 1, **payload}
                    self._journal.add({"kind": event.kind, **payload})
                    self._eid += 1
                if isinstance(event, Refined):
                    self.refined.append(event)
                if event.kind == "partial":
                    self._partial = payload
                self.ended = self.ended or event.kind == "end"
                recorded = self.recording.samples / SAMPLE_RATE
                self._announce(
                    LiveAnnouncement(
                        self.id, self.connection, event.kind, payload, bool(self.share), recorded
                    )
                )

    def set_arriving(self, arriving: bool) -> None:
        """Publishes whether audio arrives, if that has changed."""
        if arriving != self.arriving:
            self.arriving = arriving
            self.publish([AudioFlow(arriving)])

    def checkpoint(self) -> None:
        """Writes to the journal up to which sample everything is committed, for a resume after a crash."""
        committed_to = self.state.committed_to
        if self.state.endpoints.current is None and committed_to - self._checkpoint > SAMPLE_RATE:
            self._checkpoint = committed_to
            self._journal.add({"kind": "heard", "samples": committed_to})

    def stop(self) -> None:
        """Takes no more audio, also after a restart."""
        if not self.stopping:
            self.stopping = True
            self.recording.finish()
            self._journal.add({"kind": "stop"})

    def flush(self) -> None:
        """Closes the open utterance at the last whole VAD frame received so far; `Flushed` follows."""
        self.flushes.append(self.recording.samples // FRAME * FRAME)

    def mark_handed_over(self) -> None:
        """Writes to the journal that a job for the recording exists."""
        self.handed_over = True
        self._journal.add({"kind": "handed"})

    def events_since(self, last_eid: int) -> list[Payload] | None:
        """The journaled events after `last_eid`; None if there are more than `MAX_REPLAYED_EVENTS`."""
        if self._eid - last_eid > MAX_REPLAYED_EVENTS:
            return None
        return [record for record in self._journal.records() if record.get("eid", 0) > last_eid]

    def closing_events(self) -> list[Payload]:
        """The end event, if the session has ended."""
        return (self.events_since(self._eid - 1) or []) if self.ended else []

    def snapshot(self) -> Payload:
        """All committed words and refined paragraphs, without the end event."""
        committed = tuple(self.state.agreement.committed)
        return {
            "eid": self._eid - self.ended,
            **Committed(0, 0, committed).payload(),
            "finals": [refined.payload() for refined in self.refined],
            "text": "".join(word.word for word in self.words()).strip(),
        }

    @property
    def partial(self) -> Payload | None:
        """The last tentative words, if no words were committed since."""
        current = self._partial and self._partial["after"] == len(self.state.agreement.committed)
        return self._partial if current else None

    def words(self) -> list[Word]:
        """The committed words, those of refined paragraphs replaced."""
        committed, words, at = self.state.agreement.committed, list[Word](), 0
        for refined in sorted(self.refined, key=lambda each: each.first):
            if refined.first >= at:
                words += [*committed[at : refined.first], *refined.words]
                at = refined.stop
        return [*words, *committed[at:]]

    def set_share_token(self, token: str) -> None:
        """Sets the token of the captions link; an empty one revokes the link."""
        with self.lock:
            self.share = token
            self._journal.add({"kind": "share", "token": token})

    def transfer_to(self, owner: str) -> None:
        """Changes the owner. If the journal cannot be written, the change is lost at the next start."""
        with self.lock:
            self.info = replace(self.info, owner=owner)
            try:
                self._journal.add({"kind": "owner", "owner": owner})
            except OSError as error:  # the disk is full, or the session was just removed
                log.warning(
                    "the new owner of a live session was not written", session=self.id, reason=str(error)
                )

    def sync(self) -> None:
        """Flushes everything to the disk, so that it survives a power cut."""
        self.recording.sync()
        self._journal.sync()

    def close(self) -> None:
        """Closes the files."""
        self.recording.close()
        self._journal.close()

    def remove(self) -> None:
        """Closes and deletes the files."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _recording(folder: Path, info: SessionInfo, *, ended: bool) -> LiveRecording:
    if ended:
        return ClosedRecording(folder)
    if container := CONTAINERS.get(info.request.format):
        return EncodedRecording(folder, container, max_seconds=info.max_seconds)
    return PcmRecording(folder)


def _options(request: SessionRequest) -> Options:
    return Options(
        language=request.language,
        languages=request.languages,
        task=request.task,
        quality="fast",
        word_timestamps=True,
        prompt=request.prompt,
        hotwords=request.hotwords,
    )
