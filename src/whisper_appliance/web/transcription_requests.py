"""Transcription requests: receives a recording for any API, submits it, and responds with its transcript."""

import errno
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

from flask import Response, after_this_request, g, request, stream_with_context

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.app.submit_recording import ReceivedRecording, Submission
from whisper_appliance.core.errors import NotAllowed, SignInRequired, Unavailable
from whisper_appliance.engines.contract import Options
from whisper_appliance.jobs.job import Job
from whisper_appliance.library.transcript_rows import StoredTranscript
from whisper_appliance.web import http_api
from whisper_appliance.web.auth.authentication import current_actor, reauthenticate, require
from whisper_appliance.web.context import appliance, web_context
from whisper_appliance.web.errors import error_response, status_of, status_of_code
from whisper_appliance.web.i18n import translate_error
from whisper_appliance.web.idempotency import idempotency_key, mark_replayed, wants_reuse
from whisper_appliance.web.multipart_form import FileRules, FormFields, Upload
from whisper_appliance.web.program_requests import note_failure
from whisper_appliance.web.uploads import drain

FIRST_BYTE_SECONDS = 20.0
"""How long a request waits before its status is sent; what fails later can only end the connection."""
KEEP_ALIVE_SECONDS = 15.0
"""The time between two bytes of a response that waits; proxies close a connection that is silent for 30 s."""


class RecordingForm(Protocol):
    """The options of a request, as an API reads them. `model` None is the default model."""

    @property
    def model(self) -> str | None:
        """The name of a local model."""
        ...

    def options(self) -> Options:
        """The transcription options."""
        ...


Form = TypeVar("Form", bound=RecordingForm)


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """What a waiting response sends: `opening` first, then `filler` every `KEEP_ALIVE_SECONDS`.

    The body must mean the same with any number of `filler` after `opening`, with which it begins.
    """

    media_type: str
    filler: bytes = b"\n"
    opening: bytes = b""


def keep_alive_for(format_name: str) -> KeepAlive:
    """What a response in this format sends while it waits: JSON and text may begin with line breaks.

    WebVTT must begin with its signature, which more line breaks may follow.
    """
    if format_name.endswith("json"):
        return KeepAlive("application/json")
    return KeepAlive("text/plain", opening=b"WEBVTT\n" if format_name == "vtt" else b"")


def submit_form(
    read_form: Callable[[FormFields], Form],
    rules: FileRules = FileRules(),  # noqa: B008 - it is frozen
    complete: Callable[[Upload, Form], None] = lambda upload, form: None,
) -> tuple[Job, Form]:
    """Receives a multipart form with a recording, and enqueues its job.

    `read_form` parses the fields: those before the file at first, because a mistake is reported before the
    file is read, then all of them. `complete` may provide the recording of a form that has none. Raises what
    an API answers with.
    """
    received: list[Form] = []

    def check(fields: FormFields) -> None:
        received[:] = [read_form(fields)]
        _check_ready(received[0])

    @contextmanager
    def receive() -> Iterator[Upload]:
        with web_context().uploads.receive(request, check, rules) as upload:
            complete(upload, received[0])
            yield upload

    job = _submit(receive, lambda _upload: received[0], rules.fields[0])
    return job, received[0]


def submit_body(form: RecordingForm, filename: str, header: bytes = b"") -> Job:
    """Receives a body that is the recording itself, and enqueues its job.

    `header` is written before the body, for samples that have none.
    """
    _check_ready(form)

    def receive() -> AbstractContextManager[Upload]:
        return web_context().uploads.receive_body(request, filename, header)

    return _submit(receive, lambda _: form, None)


@contextmanager
def upload_slot() -> Iterator[Actor]:
    """Holds one of the places for uploads, for a body that is not the file alone; see `submit_content`."""
    with _upload_slot(None) as actor:
        yield actor


def submit_content(form: RecordingForm, filename: str, content: bytes) -> Job:
    """Enqueues the job of a recording that was part of the body; the caller holds an `upload_slot`."""
    _check_ready(form)

    def receive() -> AbstractContextManager[Upload]:
        return web_context().uploads.store(content, filename)

    return _enqueue(current_actor(), receive, lambda _: form, len(content))


def respond_when_done(
    job: Job, render: Callable[[StoredTranscript], Response], keep_alive: KeepAlive
) -> Response:
    """The response with the transcript, however long it takes, or with the error of the job.

    A response that takes long begins with its status 200 and keeps the connection alive. If the job fails
    after that, the error is the rest of the body, and the connection is closed without the end of the body,
    so that no client takes it for a transcript. Raises `Busy` if too many requests of its client wait; the
    job goes on, and the same request gets its transcript later.
    """
    with ExitStack() as held:
        actor = current_actor()
        held.enter_context(web_context().waiting.hold(actor.client, actor.network))
        job = appliance().queue.wait(job.id, FIRST_BYTE_SECONDS)
        if job.ended or appliance().queue.stopping:
            return finished_response(job, render)
        body = _kept_alive(job, render, keep_alive)
        response = Response(stream_with_context(body), mimetype=keep_alive.media_type)
        response.headers["X-Accel-Buffering"] = "no"  # nginx would hold the bytes back
        response.call_on_close(held.pop_all().close)
        return response


def wait_for(job: Job, seconds: float) -> Job:
    """The job once it has ended, or as it is after that time, or at once if too many requests wait."""
    slots, actor = web_context().waiting, current_actor()
    if not slots.try_acquire(actor.client, actor.network):
        return job
    try:
        return appliance().queue.wait(job.id, seconds)
    finally:
        slots.release(actor.client, actor.network)


def finished_response(job: Job, render: Callable[[StoredTranscript], Response]) -> Response:
    """The response with the transcript of a job, or with its error."""
    if job.status == "done" and job.transcript_id:
        return render(appliance().transcripts.get(job.transcript_id, job.owner))
    if not job.ended:
        raise Unavailable(
            "The appliance restarts; the work goes on afterwards. Send the request again.",
            retry_after_seconds=10,
        )
    code = job.error.code if job.error else job.status
    message = job.error.message if job.error else "The job was cancelled."
    return error_response(status_of_code(code), code, message)


def _kept_alive(
    job: Job, render: Callable[[StoredTranscript], Response], keep_alive: KeepAlive
) -> Iterator[bytes]:
    queue = appliance().queue
    yield keep_alive.opening + keep_alive.filler
    try:
        while not (job := queue.wait(job.id, KEEP_ALIVE_SECONDS)).ended and not queue.stopping:
            with suppress(Unavailable):  # the database is busy: the next time
                _check_right()
            yield keep_alive.filler
        _check_right()
        response = finished_response(job, render)
    except (SignInRequired, NotAllowed) as error:
        response = error_response(status_of(type(error)), error.code, translate_error(error))
    yield response.get_data().removeprefix(keep_alive.opening)
    if response.status_code >= 400:
        note_failure(g.error_code, g.error_message)
        raise ConnectionResetError(errno.ECONNRESET, "the request failed after its response had begun")


def _check_right() -> None:
    reauthenticate()
    require("transcribe")


def _check_ready(form: RecordingForm) -> None:
    options = form.options()
    appliance().submit_recording.check_ready(
        form.model, language=options.language, task=options.task, owner=current_actor().owner
    )


@contextmanager
def received_form(rules: FileRules) -> Iterator[Upload]:
    """Receives a multipart form with a recording that becomes no job; it is deleted at the end."""
    uploads = web_context().uploads
    with _upload_slot(rules.fields[0]), uploads.receive(request, lambda _fields: None, rules) as upload:
        yield upload


@contextmanager
def _upload_slot(field: str | None) -> Iterator[Actor]:
    """Admits an upload and holds one of the places for uploads. Raises what an API answers with."""
    drain_if_rejected()
    actor, uploads = require("transcribe"), web_context().uploads
    if http_api.requested_api():  # these have no answer for work that goes on
        web_context().waiting.check(actor.client, actor.network)
    uploads.check(request, field=field)
    with uploads.slot(actor.owner or actor.client, actor.network):
        yield actor


def _submit(
    receive: Callable[[], AbstractContextManager[Upload]],
    form_of: Callable[[Upload], RecordingForm],
    field: str | None,
) -> Job:
    with _upload_slot(field) as actor:
        return _enqueue(actor, receive, form_of, request.content_length or 0)


def _enqueue(
    actor: Actor,
    receive: Callable[[], AbstractContextManager[Upload]],
    form_of: Callable[[Upload], RecordingForm],
    size_bytes: int,
) -> Job:
    submit = appliance().submit_recording
    waiting_limit = submit.admit(actor.owner, size_bytes, actor.visitor_network)
    submit.prepare()
    with receive() as upload:
        submitted = submit.submit(_submission(upload, form_of(upload), actor, waiting_limit))
        upload.handed_over = not submitted.replayed
    if submitted.replayed:
        after_this_request(mark_replayed)
    if not submitted.replayed:
        g.job_id = submitted.job.id
    g.transcription_model = submitted.job.wanted_model or appliance().models.default
    return submitted.job


def _submission(upload: Upload, form: RecordingForm, actor: Actor, waiting_limit: int) -> Submission:
    return Submission(
        ReceivedRecording(upload.path, upload.name, upload.sha256, upload.received_at),
        form.options(),
        form.model,
        owner=actor.owner,
        api_key_id=actor.key,
        client=actor.owner or actor.client,
        network=actor.visitor_network,
        waiting_limit=waiting_limit,
        idempotency_key=idempotency_key(),
        title=upload.title,
        reuse=wants_reuse(),
    )


def drain_if_rejected() -> None:
    """Reads the rest of the body after an error, so that the client can read the response."""

    def drain_after_error(response: Response) -> Response:
        if response.status_code >= 400:
            environ = request.environ
            response.call_on_close(lambda: drain(environ))
        return response

    after_this_request(drain_after_error)
