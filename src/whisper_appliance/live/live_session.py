"""One microphone that is on: its audio, its words, its journal, and who is told.

A folder holds all of it, so that the next start can go on where a crash ended this one.
"""

import hashlib
import hmac
import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import structlog

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.contract import Options
from whisper_appliance.live.encoded_recording import CONTAINERS, EncodedRecording
from whisper_appliance.live.events import Committed, Event, Payload, Refined
from whisper_appliance.live.journal import Journal
from whisper_appliance.live.recording import ClosedRecording, PcmRecording, Recording
from whisper_appliance.live.replay import ReplayedState, SessionInfo, SessionRequest
from whisper_appliance.live.streaming_state import StreamingState
from whisper_appliance.transcript.model import Word

MOST_MISSED = 1000
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LiveAnnouncement:
    """To tell to the newest connection ("" when nobody is there), and to readers if `shared`."""

    session: str
    connection: str
    kind: str
    payload: Payload
    shared: bool
    recorded_seconds: float = 0.0


PublishLive = Callable[[LiveAnnouncement], None]


class LiveSession:
    """One session with everything that belongs to it. `lock` guards the connection and what is told."""

    def __init__(self, folder: Path, facts: SessionInfo, announce: PublishLive, told: ReplayedState) -> None:
        self.folder = folder
        self.facts = facts
        self.recording = _recording(folder, facts, ended=told.ended)
        self.lock = threading.RLock()
        self.connection = ""
        self.share = told.share
        self.refined = told.refined
        self.ended = told.ended
        self.handed = told.handed_over
        self.stopping = False
        self.cancelled = False
        self.lag_seconds = 0.0
        self.active_at = 0.0
        self._announce = announce
        self._eid = told.eid
        self._journal = Journal(folder / "journal")
        self._partial: Payload | None = None
        self._heard = told.decoded_samples
        self.session = StreamingState(_options(facts.request), start=told.resume_point, committed=told.words)
        self.session.utterance = told.utterance + 1 if told.words else 0
        if told.stopped:
            self.stopping = True
            self.recording.finish()

    @classmethod
    def begin(cls, folder: Path, facts: SessionInfo, announce: PublishLive) -> "LiveSession":
        """A new session in a new folder."""
        folder.mkdir(parents=True, mode=0o700)
        stream = cls(folder, facts, announce, ReplayedState())
        stream._journal.add({"kind": "session", **asdict(facts)})
        return stream

    @classmethod
    def restored(cls, folder: Path, announce: PublishLive) -> "LiveSession | None":
        """The session that an earlier run left here; None where it had not even begun."""
        if not (folder / "journal").is_file():
            return None
        journal = Journal(folder / "journal")
        told = ReplayedState()
        for record in journal.records():
            told.apply(record)
        journal.close()
        return cls(folder, told.info, announce, told) if told.info else None

    @property
    def id(self) -> str:
        """The session's id, and in the end its transcript's."""
        return self.facts.id

    def token_matches(self, token: str) -> bool:
        """Whether this is the session's token; takes equally long for each wrong one."""
        return hmac.compare_digest(digest(token), self.facts.token_sha256)

    def tell(self, events: list[Event]) -> None:
        """Writes events to the journal, then announces them, each once and in order."""
        with self.lock:
            for event in events:
                payload = event.payload()
                if event.kept:
                    self._eid += 1
                    payload = {"eid": self._eid, **payload}
                    self._journal.add({"kind": event.kind, **payload})
                if isinstance(event, Refined):
                    self.refined.append(event)
                if event.kind == "partial":
                    self._partial = payload
                self.ended = self.ended or event.kind == "end"
                come = self.recording.samples / SAMPLE_RATE
                told = LiveAnnouncement(self.id, self.connection, event.kind, payload, bool(self.share), come)
                self._announce(told)

    def checkpoint(self) -> None:
        """Keeps how far nothing is left to be heard, for the next start."""
        settled = self.session.committed_to
        if self.session.endpoints.current is None and settled - self._heard > SAMPLE_RATE:
            self._heard = settled
            self._journal.add({"kind": "heard", "samples": settled})

    def stop(self) -> None:
        """No more audio is taken, also after a restart."""
        if not self.stopping:
            self.stopping = True
            self.recording.finish()
            self._journal.add({"kind": "stop"})

    def mark_handed_over(self) -> None:
        """Keeps that the recording is on the ordinary road."""
        self.handed = True
        self._journal.add({"kind": "handed"})

    def missed(self, last_eid: int) -> list[Payload] | None:
        """What was told after an event; None where that is too much to tell again."""
        if self._eid - last_eid > MOST_MISSED:
            return None
        return [record for record in self._journal.records() if record.get("eid", 0) > last_eid]

    def ending(self) -> list[Payload]:
        """The end, once there is one."""
        return (self.missed(self._eid - 1) or []) if self.ended else []

    def snapshot(self) -> Payload:
        """All words so far, and the paragraphs that read better now; the end is told behind it."""
        committed = tuple(self.session.agreement.committed)
        return {
            "eid": self._eid - self.ended,
            **Committed(0, 0, committed).payload(),
            "finals": [refined.payload() for refined in self.refined],
            "text": "".join(word.word for word in self.words()).strip(),
        }

    @property
    def partial(self) -> Payload | None:
        """The tentative words that were told last, where they still follow the settled ones."""
        current = self._partial and self._partial["after"] == len(self.session.agreement.committed)
        return self._partial if current else None

    def words(self) -> list[Word]:
        """The best reading of all that is settled."""
        committed, read, at = self.session.agreement.committed, list[Word](), 0
        for refined in sorted(self.refined, key=lambda one: one.first):
            if refined.first >= at:
                read += [*committed[at : refined.first], *refined.words]
                at = refined.stop
        return [*read, *committed[at:]]

    def set_share_token(self, token: str) -> None:
        """Lets readers in who know this token; an empty one ends it."""
        with self.lock:
            self.share = token
            self._journal.add({"kind": "share", "token": token})

    def transfer_to(self, owner: str) -> None:
        """Makes it somebody else's; what cannot be written down holds until the next start."""
        with self.lock:
            self.facts = replace(self.facts, owner=owner)
            try:
                self._journal.add({"kind": "owner", "owner": owner})
            except OSError as error:  # a full disk, or a session that is just being removed
                log.warning(
                    "the new owner of a live session was not written", session=self.id, reason=str(error)
                )

    def sync(self) -> None:
        """Makes all of it outlive a power cut."""
        self.recording.sync()
        self._journal.sync()

    def close(self) -> None:
        """Lets go of the files."""
        self.recording.close()
        self._journal.close()

    def remove(self) -> None:
        """Closes and deletes all of it."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def new_token() -> str:
    """256 random bits for a URL or a header."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _recording(folder: Path, facts: SessionInfo, *, ended: bool) -> Recording:
    if ended:
        return ClosedRecording(folder)
    if container := CONTAINERS.get(facts.request.format):
        return EncodedRecording(folder, container, max_seconds=facts.max_seconds)
    return PcmRecording(folder)


def _options(request: SessionRequest) -> Options:
    return Options(
        language=request.language,
        task=request.task,
        quality="fast",
        word_timestamps=True,
        prompt=request.prompt,
        hotwords=request.hotwords,
    )
