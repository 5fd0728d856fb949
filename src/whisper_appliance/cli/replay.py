"""`whisper-appliance replay`: transcribes a kept recording again from the provenance of its transcript."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whisper_appliance.cli.bootstrap import load_settings
from whisper_appliance.cli.transcribe import opened_transcriber
from whisper_appliance.core.errors import NotFound

if TYPE_CHECKING:
    from whisper_appliance.config.settings import Settings
    from whisper_appliance.engines.contract import Options
    from whisper_appliance.library.transcripts import TranscriptRepository
    from whisper_appliance.transcript.model import Provenance, Segment, Transcript

MOST_DIFFERENCES = 10


@click.command()
@click.argument("transcript_id", metavar="ID")
def replay(transcript_id: str) -> int:
    """Transcribe the kept recording of transcript ID again, and say whether the words are the same.

    Recordings are kept with KEEP_AUDIO. Nothing is stored. Exit code: 0 the same, 1 not.
    """
    settings = load_settings()
    transcript, recording = _stored(settings, transcript_id)
    provenance = transcript.provenance
    if provenance is None:
        raise NotFound("Transcript {id} has no provenance, so it cannot be made again.", id=transcript_id)
    options, target_seconds = _options(provenance)
    with opened_transcriber(settings, provenance.model, options, target_seconds) as (_, transcribe_file):
        again = transcribe_file(recording)
    assert again.provenance is not None  # noqa: S101 - every transcription has one
    for difference in _other_conditions(provenance, again.provenance):
        click.echo(difference, err=True)
    differences = list(_differences(transcript, again))
    if not differences:
        click.echo(f"The same: {len(again.segments)} segments.")
        return 0
    click.echo("\n".join(differences[:MOST_DIFFERENCES]))
    click.echo(f"Not the same: {len(differences)} segments differ.")
    return 1


def _stored(settings: "Settings", transcript_id: str) -> "tuple[Transcript, Path]":
    with _transcripts(settings) as transcripts:
        owner = transcripts.metadata(transcript_id).owner
        recording = transcripts.audio(transcript_id, owner)
        if recording is None:
            raise NotFound("The recording of transcript {id} was not kept (KEEP_AUDIO).", id=transcript_id)
        return transcripts.get(transcript_id, owner).transcript, recording


@contextmanager
def _transcripts(settings: "Settings") -> "Iterator[TranscriptRepository]":
    from whisper_appliance.library.transcripts import TranscriptRepository
    from whisper_appliance.storage.database import Database

    url = settings.database_url.get_secret_value() if settings.database_url else None
    database = Database.in_folder(settings.data_dir, url)
    try:
        yield TranscriptRepository(database, audio_folder=settings.storage_folder / "audio")
    finally:
        database.close()


def _options(provenance: "Provenance") -> "tuple[Options, float]":
    """The options of the transcription, and the length of its windows."""
    from whisper_appliance.engines.contract import TARGET_SECONDS, Options

    given: dict[str, Any] = provenance.options
    known = {field.name for field in fields(Options)}
    options = Options(**{name: value for name, value in given.items() if name in known})
    return options, float(given.get("target_seconds", TARGET_SECONDS))


def _other_conditions(before: "Provenance", now: "Provenance") -> Iterator[str]:
    """What may explain a difference."""
    for name in ("engine", "engine_version", "compute_type", "appliance_version", "audio_sha256"):
        if getattr(before, name) != getattr(now, name):
            yield f"{name}: then {getattr(before, name)}, now {getattr(now, name)}"


def _differences(before: "Transcript", now: "Transcript") -> Iterator[str]:
    for one, other in zip_longest(before.segments, now.segments):
        if one is None or other is None or _content(one) != _content(other):
            yield f"- {_shown(one)}\n+ {_shown(other)}"


def _content(segment: "Segment") -> tuple[object, ...]:
    words = [(word.start, word.end, word.word) for word in segment.words]
    return segment.start, segment.end, segment.text, segment.language, words


def _shown(segment: "Segment | None") -> str:
    return f"{segment.start:.3f}-{segment.end:.3f}{segment.text}" if segment else "nothing"
