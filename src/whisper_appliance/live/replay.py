"""What a session is from its beginning, and what its journal says was told before."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.contract import Task
from whisper_appliance.live.events import Refined, words_from_payload
from whisper_appliance.live.journal import Record
from whisper_appliance.transcript.model import Word


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What a client wants of a new session; None leaves the choice to the appliance."""

    format: Literal["pcm_s16le", "webm_opus", "mp4_aac"] = "pcm_s16le"
    rate: int = SAMPLE_RATE
    language: str | None = None
    model: str | None = None
    task: Task = "transcribe"
    prompt: str | None = None
    hotwords: str | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What is known of a session from its beginning; only its owner may change."""

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
    """What a journal says was told before: where an earlier run left off."""

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
        """One line of the journal."""
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
                words = words_from_payload(record)
                self.refined.append(
                    Refined(record["para"], record["i0"], record["i1"], words, record["language"])
                )
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
        """The sample to go on from: the end of the last settled word, or of what is done with."""
        return (
            max(self.decoded_samples, round(self.words[-1].end * SAMPLE_RATE))
            if self.words
            else self.decoded_samples
        )


def _session_info(record: dict[str, Any]) -> SessionInfo:
    values = {name: record[name] for name in SessionInfo.__slots__ if name in record}
    return SessionInfo(**{**values, "request": SessionRequest(**record["request"])})
