"""One Wyoming connection: its request, the live session of its audio, and the response."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from wyoming.asr import Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.error import Error
from wyoming.event import Eventable
from wyoming.ping import Pong

from whisper_appliance.accounts.access import APPLIANCE, is_allowed
from whisper_appliance.accounts.identity import Actor
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.model_names import resolve_model
from whisper_appliance.app.readiness import check_ready
from whisper_appliance.core.errors import ApplianceError, EngineFailed, NotAllowed, NotFound
from whisper_appliance.core.schema import Schema
from whisper_appliance.live.manager import LiveAnnouncement, SessionRequest
from whisper_appliance.protocols.live_stream import LiveStream
from whisper_appliance.protocols.wyoming.event_stream import JsonObject, ReceivedEvent
from whisper_appliance.protocols.wyoming.pcm import PcmConverter, PcmFormat
from whisper_appliance.protocols.wyoming.service_info import info_event
from whisper_appliance.transcript.languages import language_code
from whisper_appliance.web.errors import invalid_input

MAX_HOTWORDS_CHARS = 2000
MAX_NAMES = 1000
SendMessage = Callable[[JsonObject], None]
Model = TypeVar("Model", bound=BaseModel)


class TranscribeRequest(Schema):
    """The options of `transcribe`. Its other fields have no effect here."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str | None = Field(default=None, max_length=200)
    language: str | None = None
    transcript_names: list[str] | None = Field(default=None, max_length=MAX_NAMES)
    transcript_terms: list[str] | None = Field(default=None, max_length=MAX_NAMES)

    @field_validator("language")
    @classmethod
    def _to_code(cls, value: str | None) -> str | None:
        return None if value is None else language_code(value)

    @property
    def hotwords(self) -> str | None:
        """The words to expect, names first."""
        words = [*(self.transcript_names or ()), *(self.transcript_terms or ())]
        return ", ".join(word.strip() for word in words if word.strip())[:MAX_HOTWORDS_CHARS] or None


@dataclass
class Answer:
    """The answer to one recording: its committed text so far, and the event that it is complete."""

    session: str
    language: str | None
    text: str = ""
    engine_failed: bool = False
    complete: threading.Event = field(default_factory=threading.Event)


class WyomingSession:
    """One connection. Its thread calls `handle`, which waits for the answer at the end of a recording.

    Live threads call `on_live_event`. An error of `handle` ends the connection.
    """

    def __init__(
        self,
        appliance: Appliance,
        send: SendMessage,
        *,
        connection: str,
        network: str,
        throttle: Callable[[int], None],
    ) -> None:
        """`connection` is its id, `network` the client's for limits.

        `throttle` is called with the size of each packet of audio, and may wait.
        """
        self.connection = connection
        self._appliance, self._deliver, self._throttle = appliance, send, throttle
        self._network = network
        self._request = TranscribeRequest()
        self._stream: LiveStream | None = None
        self._converter: PcmConverter | None = None
        self._answer: Answer | None = None
        self._actor: Actor | None = None

    @property
    def owner(self) -> str:
        """The id of the user who owns what is said here; "" for nobody."""
        name = self._appliance.settings.wyoming_user
        try:
            return self._appliance.accounts.users.by_name(name).id if name else ""
        except NotFound:
            return ""

    def handle(self, event: ReceivedEvent) -> None:
        """Handles one event; unknown ones have no effect. Raises what opening a live session raises."""
        match event.type:
            case "describe":
                self._deliver(info_event(self._appliance).to_dict())
            case "ping":
                text = event.data.get("text")
                self._send(Pong(text if isinstance(text, str) else None))
            case "transcribe":
                self._request = self._checked_request(event.data)
            case "audio-start":
                self._open(_validated(PcmFormat, event.data))
            case "audio-chunk":
                self._feed(_validated(PcmFormat, event.data), event.payload)
            case "audio-stop":
                self._finish()

    def on_live_event(self, announcement: LiveAnnouncement) -> None:
        """Takes an event of the live session of this connection."""
        answer, payload = self._answer, announcement.payload
        if answer is None or answer.session != announcement.session or answer.complete.is_set():
            return
        match announcement.kind:
            case "commit":
                self._send_chunk(answer, str(payload["text"]))
            case "error" if payload["code"] == "engine":
                answer.engine_failed = True
            case "flushed":
                answer.language = str(payload["language"]) or answer.language
                answer.complete.set()
            case "end":
                answer.complete.set()

    def check_right(self) -> None:
        """Raises `NotAllowed` once what is recorded now may not be recorded any more."""
        recorded = self._actor
        if recorded is not None and self._authorized_actor().owner != recorded.owner:
            raise NotAllowed("The user in WYOMING_USER is another one now. Start the recording again.")

    def close(self) -> None:
        """Ends the live session, because the connection has ended; only that of a user is kept."""
        self.abort()
        self._end_stream()

    def abort(self) -> None:
        """Ends the wait for an answer, because the server stops."""
        if self._answer is not None:
            self._answer.complete.set()

    def _checked_request(self, data: JsonObject) -> TranscribeRequest:
        request = _validated(TranscribeRequest, data)
        check_ready(self._appliance.models, self._model_of(request), language=request.language)
        return request

    def _model_of(self, request: TranscribeRequest) -> str | None:
        return resolve_model(request.name, self._appliance.settings.model_aliases)

    def _open(self, pcm_format: PcmFormat) -> LiveStream:
        """The live session of the recording; a new one for the first samples of it."""
        if self._stream is None:
            actor = self._authorized_actor()
            request = self._request
            model = self._model_of(request)
            check_ready(self._appliance.models, model, language=request.language)
            options = SessionRequest(language=request.language, model=model, hotwords=request.hotwords)
            self._stream = LiveStream(self._appliance, self.connection, actor, options)
            self._answer = Answer(self._stream.id, request.language)
            self._actor = actor
        if self._converter is None or self._converter.format != pcm_format:
            self._converter = PcmConverter(pcm_format)
        return self._stream

    def _authorized_actor(self) -> Actor:
        accounts, name = self._appliance.accounts, self._appliance.settings.wyoming_user
        try:
            user = accounts.users.by_name(name) if name else None
        except NotFound:
            raise NotAllowed("There is no user {name!r}. Correct WYOMING_USER.", name=name) from None
        actor = Actor(user.id if user else "", user, scopes=frozenset({"transcribe"}), network=self._network)
        if not is_allowed(actor, "transcribe", APPLIANCE, access_mode=accounts.access_mode.get()):
            raise NotAllowed(
                "Only people with an account may transcribe here. Name one of them in WYOMING_USER."
            )
        return actor

    def _feed(self, pcm_format: PcmFormat, payload: bytes) -> None:
        stream = self._open(pcm_format)
        assert self._converter  # noqa: S101 - made by `_open`
        stream.feed(self._converter.feed(payload), self._throttle)

    def _finish(self) -> None:
        stream, converter, answer = self._stream, self._converter, self._answer
        if stream is None or converter is None or answer is None:
            self._send_transcript(Answer("", self._request.language))
            return
        stream.feed(converter.finish(), self._throttle)
        if stream.samples:
            stream.flush()
            answer.complete.wait()
        if answer.engine_failed and not answer.text:
            raise EngineFailed("The speech engine failed. Send the recording again.")
        self._send_transcript(answer)
        self._end_stream()

    def _end_stream(self) -> None:
        stream, self._stream, self._converter, self._answer = self._stream, None, None, None
        actor, self._actor = self._actor, None
        if stream is None:
            return
        if actor and actor.owner:
            stream.stop()
        else:
            stream.discard()

    def _send_chunk(self, answer: Answer, text: str) -> None:
        if not answer.text:
            self._send(TranscriptStart(language=answer.language))
            text = text.lstrip()
        answer.text += text
        self._send(TranscriptChunk(text))

    def _send_transcript(self, answer: Answer) -> None:
        if not answer.text:
            self._send(TranscriptStart(language=answer.language))
        self._send(Transcript(answer.text, language=answer.language))
        self._send(TranscriptStop())

    def _send(self, message: Eventable) -> None:
        self._deliver(event_json(message))


def event_json(message: Eventable) -> JsonObject:
    """The event as one JSON object, with its data in it."""
    return message.event().to_dict()


def error_json(error: ApplianceError) -> JsonObject:
    """The last event of a failed connection."""
    return event_json(Error(error.message, error.code))


def _validated(model: type[Model], data: JsonObject) -> Model:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise invalid_input(error) from None
