"""Replay of a session's journal: its metadata, and the state that an earlier run reached."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.contract import Task
from whisper_appliance.live.endpointing import DEFAULT_ENDPOINTING, Endpointing
from whisper_appliance.live.events import Refined, words_from_payload
from whisper_appliance.live.journal import Record
from whisper_appliance.transcript.model import Word


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """The options of a new session; None selects the default of the appliance.

    `interval_factor` makes decoding rarer, so that words are committed later and with more context; None:
    words are committed at the end of an utterance only. The field names are keys of the journal's
    "session" record.
    """

    format: Literal["pcm_s16le", "webm_opus", "mp4_aac"] = "pcm_s16le"
    rate: int = SAMPLE_RATE
    language: str | None = None
    languages: tuple[str, ...] = ()
    """Candidates if the language is detected; empty: all."""
    model: str | None = None
    task: Task = "transcribe"
    prompt: str | None = None
    hotwords: str | None = None
    title: str = ""
    endpointing: Endpointing = DEFAULT_ENDPOINTING
    interval_factor: float | None = 1.0


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """The metadata of a session; only its owner may change. The field names are keys of the journal."""

    id: str
    owner: str
    created: str
    token_sha256: str
    model: str
    max_seconds: float
    request: SessionRequest
    key_id: str = ""


@dataclass
class ReplayedState:
    """The state of a session, rebuilt by applying the records of its journal in order."""

    words: list[Word] = field(default_factory=list)
    refined: list[Refined] = field(default_factory=list)
    eid: int = 0
    decoded_samples: int = 0
    utterance: int = 0
    share: str = ""
    stopped: bool = False
    ended: bool = False
    handed_over: bool = False
    info: SessionInfo | None = None

    def apply(self, record: Record) -> None:
        """Applies one record."""
        self.eid = max(self.eid, record.get("eid", 0))
        match record["kind"]:
            case "session":
                self.info = _session_info(record)
            case "owner" if self.info:
                self.info = replace(self.info, owner=record["owner"])
            case "commit":
                self.words += words_from_payload(record)
                self.utterance = record["utt"]
            case "final":
                self.refined.append(_refined(record))
            case "heard":
                self.decoded_samples = record["samples"]
            case "share":
                self.share = record["token"]
            case "stop":
                self.stopped = True
            case "end":
                self.ended = True
            case "handed":
                self.handed_over = True

    @property
    def resume_point(self) -> int:
        """The sample to resume from: the end of the last committed word, or the last checkpoint."""
        if not self.words:
            return self.decoded_samples
        return max(self.decoded_samples, round(self.words[-1].end * SAMPLE_RATE))


def _refined(record: Record) -> Refined:
    words = words_from_payload(record)
    return Refined(record["para"], record["i0"], record["i1"], words, record["language"])


def _session_info(record: dict[str, Any]) -> SessionInfo:
    values = {name: record[name] for name in SessionInfo.__slots__ if name in record}
    request = dict(record["request"])
    request["languages"] = tuple(request.get("languages", ()))
    if "endpointing" in request:
        request["endpointing"] = Endpointing(**request["endpointing"])
    return SessionInfo(**{**values, "request": SessionRequest(**request)})
