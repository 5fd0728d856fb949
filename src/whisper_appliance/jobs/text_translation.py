"""The step of a job that translates the lines of a transcript, which its upload holds."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import ModelUnavailable
from whisper_appliance.jobs.job import Job
from whisper_appliance.transcript.beside import TEXT_TASK
from whisper_appliance.transcript.codec import from_json
from whisper_appliance.transcript.model import Transcript
from whisper_appliance.translation.contract import TranslatorSpec

TRANSLATOR_BYTES = 2**30
"""Memory of the process that translates."""


class TranslateLines(Protocol):
    """Translates lines with `translation.process.client.translate`."""

    def __call__(
        self,
        lines: Sequence[str],
        spec: TranslatorSpec,
        *,
        on_progress: Callable[[float], None],
        cancelled: Callable[[], bool],
    ) -> list[str]:
        """As many lines. Raises `Cancelled`, `EngineFailed`, `ModelUnavailable`, `Unavailable`."""
        ...


def translated(
    upload: Path,
    job: Job,
    translate: TranslateLines,
    on_progress: Callable[[float], None],
    cancelled: Callable[[], bool],
) -> Transcript:
    """The transcript of the upload in the language of the job, line by line with the same times."""
    original = from_json(Transcript, upload.read_text("utf-8"))
    target, begin = job.translate_to or "", time.monotonic()
    lines = translate(
        [each.text for each in original.segments],
        TranslatorSpec(job.model or "", original.language, target, max_memory_bytes=TRANSLATOR_BYTES),
        on_progress=on_progress,
        cancelled=cancelled,
    )
    return replace(
        original,
        segments=tuple(
            replace(each, text=f" {line}" if line else "", language=target)
            for each, line in zip(original.segments, lines, strict=True)
        ),
        language=target,
        task=TEXT_TASK,
        model=job.model or "",
        processing_seconds=time.monotonic() - begin,
    )


def no_translator(*_: object, **__: object) -> list[str]:
    """For steps that were built without a translator."""
    raise ModelUnavailable("No translator is installed.")


def translator(settings: Callable[[], Settings]) -> TranslateLines:
    """Translates in a process of its own, with the models that the settings name."""
    from whisper_appliance.translation.process.client import translate

    def translate_lines(lines: Sequence[str], spec: TranslatorSpec, **callbacks: Any) -> list[str]:
        return translate(lines, replace(spec, models=settings().translation_models), **callbacks)

    return translate_lines
