"""Translates a transcript: its kept recording into English, or its lines as they are corrected now."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from whisper_appliance.app.admission import Admission
from whisper_appliance.app.translate_recording import TranslateRecording, TranslationRequest
from whisper_appliance.core.errors import Conflict, InvalidRequest, TooLarge
from whisper_appliance.core.ids import new_id
from whisper_appliance.engines.contract import Options, Priority
from whisper_appliance.jobs.job import Job, JobRequest
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.library.transcript_rows import StoredTranscript
from whisper_appliance.transcript.beside import language_written
from whisper_appliance.transcript.codec import to_json
from whisper_appliance.transcript.model import Segment, Transcript
from whisper_appliance.translation.contract import Pair

ENGLISH = "en"
MAX_CHARS = 2_000_000
"""Some 40 hours of speech; a small model takes a quarter of an hour for it, OPUS-MT's two hours."""

Offered = Callable[[], Mapping[str, frozenset[Pair]]]


@dataclass(frozen=True, slots=True)
class TranslationTarget:
    """A language into which a transcript can be translated, and by what.

    `recording`: Whisper can, because the recording is kept. `translators` are names for `model`.
    """

    language: str
    recording: bool
    translators: tuple[str, ...]


class TranslateTranscript:
    """The use case: chooses between recording and text, checks what can be known, and enqueues the job."""

    def __init__(
        self,
        recording: TranslateRecording,
        admission: Admission,
        queue: JobQueue,
        uploads: Path,
        offered: Offered,
    ) -> None:
        """`uploads` is the folder of the queue's recordings; `offered` has the pairs by translator."""
        self._recording = recording
        self._admission = admission
        self._queue = queue
        self._uploads = uploads
        self.offered = offered

    def sources(self) -> frozenset[str]:
        """The languages from which translators translate, by their codes."""
        return frozenset(source for pairs in self.offered().values() for source, _target in pairs)

    def targets(self, stored: StoredTranscript) -> tuple[TranslationTarget, ...]:
        """The languages into which a transcript can be translated now, by their codes."""
        source = language_written(stored.transcript)
        by_text = self._targets_of(source)
        by_recording = self._recording.can_translate(stored)
        languages = sorted({*by_text, *([ENGLISH] if by_recording else [])})
        return tuple(
            TranslationTarget(code, by_recording and code == ENGLISH, by_text.get(code, ()))
            for code in languages
        )

    def start(self, stored: StoredTranscript, target: str, request: TranslationRequest) -> Job:
        """The job that translates into `target`: a new one, or the unfinished one that translates already.

        `request.model` is a model of Whisper or a translator; without one, English is made from the recording
        where it is kept. Raises `InvalidRequest` for a pair that is not offered, `Conflict` if the transcript
        is in that language, `TooLarge`, and what `TranslateRecording.start` raises.
        """
        source = request.language or language_written(stored.transcript)
        if not self._is_by_text(stored, source, target, request):
            return self._recording.start(stored, request)
        translator = self._translator(source, target, request.model)
        text = _text_of(stored.transcript, source)
        if running := self._queue.translating(stored.summary.id):
            return running
        return self._enqueue(stored, text, translator, target, request)

    def _is_by_text(
        self, stored: StoredTranscript, source: str, target: str, request: TranslationRequest
    ) -> bool:
        if target != ENGLISH or request.model in self.offered():
            return True
        has_recording = bool(request.model) or self._recording.can_translate(stored)
        return not has_recording and target in self._targets_of(source)

    def _targets_of(self, source: str) -> dict[str, tuple[str, ...]]:
        """The translators by the languages into which they translate this one."""
        found: dict[str, tuple[str, ...]] = {}
        for name, pairs in sorted(self.offered().items()):
            for _, target in (pair for pair in pairs if pair[0] == source):
                found[target] = (*found.get(target, ()), name)
        return found

    def _translator(self, source: str, target: str, wanted: str | None) -> str:
        if source == target:
            raise Conflict("This transcript is in that language already, so there is nothing to translate.")
        offered = self.offered()
        if not offered:
            raise InvalidRequest(
                "Only English is possible here, because neither the extra `translation` nor a model of "
                "TRANSLATION_MODELS is installed.",
                field="target",
            )
        if wanted and wanted not in offered:
            raise InvalidRequest(
                "The model {model} does not translate text. Leave it out, or name one of: {names}.",
                model=wanted,
                names=", ".join(sorted(offered)),
                field="model",
            )
        able = self._targets_of(source).get(target, ())
        if wanted in able:
            return wanted or ""
        if not able or wanted:
            pairs = {
                f"{one}-{other}" for name in ([wanted] if wanted else offered) for one, other in offered[name]
            }
            raise InvalidRequest(
                "A translation from {source} to {target} is not offered. These are: {pairs}.",
                source=source or "?",
                target=target,
                pairs=", ".join(sorted(pairs)),
                field="target",
            )
        return able[0]

    def _enqueue(
        self,
        stored: StoredTranscript,
        text: Transcript,
        translator: str,
        target: str,
        request: TranslationRequest,
    ) -> Job:
        entry = stored.summary
        waiting_limit = self._admission.check_upload(request.owner)
        with ExitStack() as undo:
            upload = self._uploads / new_id()
            undo.callback(upload.unlink, missing_ok=True)
            upload.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            upload.write_text(to_json(text), "utf-8")
            job = self._queue.enqueue(
                JobRequest(
                    upload,
                    entry.title,
                    Priority.INTERACTIVE,
                    request.owner,
                    title=entry.title,
                    source="text",
                    model=translator,
                    options=Options(language=text.language, task="translate"),
                    id=upload.name,
                    key_id=request.api_key_id,
                    waiting_limit=waiting_limit,
                    translation_of=entry.id,
                    translate_to=target,
                )
            )
            if job.id == upload.name:
                undo.pop_all()
        return job


def _text_of(transcript: Transcript, source: str) -> Transcript:
    """Only what a translation needs: lines, their times and channels. Raises `TooLarge`."""
    chars = sum(len(each.text) for each in transcript.segments)
    if chars > MAX_CHARS:
        raise TooLarge(
            "This transcript has {chars} characters; at most {most} can be translated.",
            chars=chars,
            most=MAX_CHARS,
        )
    lines = tuple(
        Segment(each.start, each.end, _writable(each.text), channel=each.channel)
        for each in transcript.segments
    )
    return replace(
        transcript, segments=lines, language=source, warnings=(), dropped=(), provenance=None, extra={}
    )


def _writable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
