"""`whisper-appliance transcribe`: transcribes files, without a server or with one."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from whisper_appliance.cli import formatting
from whisper_appliance.cli.bootstrap import load_settings
from whisper_appliance.cli.models import fetch
from whisper_appliance.cli.server_options import RenderAs, ServerOptions, transcriber_on, trust_options

if TYPE_CHECKING:
    from whisper_appliance.audio.decode import Recording, Sound
    from whisper_appliance.config.settings import Settings
    from whisper_appliance.engines.contract import Options
    from whisper_appliance.engines.process.client import EngineProcess
    from whisper_appliance.transcript.model import Transcript
    from whisper_appliance.transcription.transcribe import TranscriptionRequest

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


class FormatChoice(click.Choice[str]):
    """The names of the export formats, read on first use because their modules slow down every start."""

    def __init__(self) -> None:
        self.case_sensitive = True

    @cached_property
    def choices(self) -> tuple[str, ...]:  # type: ignore[override] # click's is an attribute, set at once
        from whisper_appliance.transcript.formats import FORMATS

        return tuple(FORMATS)


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option(
    "-f",
    "--format",
    "formats",
    multiple=True,
    type=FormatChoice(),
    help="May be repeated. [default: txt]",
)
@click.option("-o", "--output-dir", type=FOLDER, help="Write FILE.FORMAT there instead of to the terminal.")
@click.option("-l", "--language", metavar="LANGUAGE", help="Code or English name. [default: detected]")
@click.option(
    "--task",
    type=click.Choice(["transcribe", "translate"]),
    default="transcribe",
    help="translate: into English.",
)
@click.option(
    "-m", "--model", metavar="NAME", help="See `whisper-appliance models list`. [default: WHISPER_MODEL]"
)
@click.option(
    "--quality", type=click.Choice(["fast", "balanced", "accurate"]), default="balanced", show_default=True
)
@click.option("--word-timestamps", is_flag=True, help="Also the time of every word (json).")
@click.option("--prompt", metavar="TEXT", help="Preceding text as context: names, spelling, style.")
@click.option("--hotwords", metavar="TEXT", help="Words that are likely to occur.")
@click.option(
    "--temperature", type=click.FloatRange(0, 1), help="Sampling temperature. [default: 0, with fallback]"
)
@click.option("--beam-size", type=click.IntRange(1, 10), help="Beam size. [default: by quality]")
@click.option("--track", type=click.IntRange(1), help="Number of the audio track. [default: the file's]")
@click.option(
    "--channels",
    type=click.Choice(["mixed", "separate"]),
    default="mixed",
    show_default=True,
    help="separate: each channel by itself, for one speaker a channel.",
)
@click.option("--diarize", is_flag=True, help="Find out who speaks (experimental); words get their times.")
@click.option("--speakers", type=click.IntRange(1, 20), help="How many speak. [default: found out]")
@click.option("--vad/--no-vad", default=True, show_default=True, help="Skip parts without speech.")
@click.option("--preset", metavar="NAME", help="Options of a preset; those given here go before them.")
@click.option("--user", metavar="NAME", help="The account whose preset and model are used.")
@click.option(
    "--max-line-chars",
    type=click.IntRange(10, 200),
    default=42,
    show_default=True,
    help="Characters in a subtitle line.",
)
@click.option(
    "--max-lines", type=click.IntRange(1, 10), default=2, show_default=True, help="Lines in a subtitle."
)
@click.option(
    "--server", "url", metavar="URL", help="Send FILES to an appliance, instead of transcribing them here."
)
@trust_options
@click.pass_context
def transcribe(
    context: click.Context,
    /,
    files: tuple[Path, ...],
    formats: tuple[str, ...],
    output_dir: Path | None,
    server: ServerOptions,
    **options: Any,
) -> int:
    """Transcribe FILES: audio or video in any common format.

    \b
    whisper-appliance transcribe talk.m4a
    whisper-appliance transcribe -f srt -f json -o out/ *.mp4
    whisper-appliance transcribe --server https://box.local:5001 talk.m4a
    """
    from whisper_appliance.core.errors import ApplianceError
    from whisper_appliance.transcript.formats import FORMATS

    preset, own_model = _choices_of(server, options.pop("preset"), options.pop("user"))
    options.update({name: preset[name] for name in preset if name in options and _is_open(context, name)})
    options["model"] = options["model"] or _suitable(own_model, options)
    formats = formats or (preset.get("format", "txt"),)
    if output_dir is None and len(files) * len(formats) > 1:
        raise click.UsageError("Several results need a folder: add --output-dir FOLDER.")
    lines = {name: options.pop(name) for name in ("max_line_chars", "max_lines")}
    transcriber = transcriber_on(server, options, lines) if server.url else transcriber_here(options, lines)
    failed = 0
    with transcriber as transcribe_file:
        for file in files:
            try:
                render_as = transcribe_file(file)
                rendered = {name: render_as(name) for name in formats}
            except ApplianceError as error:
                failed = 1
                click.echo(f"{file}: {error.message}", err=True)
                continue
            for name, content in rendered.items():
                _write(content, _target(file, files, FORMATS[name].extension, output_dir))
    return failed


@contextmanager
def transcriber_here(options: dict[str, Any], lines: dict[str, int]) -> Iterator[Callable[[Path], RenderAs]]:
    """A function that transcribes a file with an engine of this process. Raises `ApplianceError`."""
    from whisper_appliance.transcript.formats import export
    from whisper_appliance.transcript.formats.format import ExportOptions

    model = options.pop("model")
    with opened_transcriber(load_settings(), model, _options(options)) as (engine, decode_file):
        printed: tuple[str, ...] = ()

        def transcribe_file(file: Path) -> RenderAs:
            nonlocal printed
            transcript = decode_file(file)
            if printed != (printed := engine.status().notices):
                click.echo("\n".join(printed), err=True)
            if (taken := transcript.provenance and transcript.provenance.tracks) and taken.count > 1:
                click.echo(f"{file}: track {taken.taken} of {taken.count}; --track takes another", err=True)
            for warning in transcript.warnings:
                click.echo(f"{file}: {warning.message}", err=True)
            given = ExportOptions(
                file.stem, max_line_chars=lines["max_line_chars"], max_lines=lines["max_lines"]
            )
            return lambda name: export(transcript, name, given)

        yield transcribe_file


@contextmanager
def opened_transcriber(
    settings: "Settings", model: str | None, options: "Options", target_seconds: float = 20.0
) -> "Iterator[tuple[EngineProcess, Callable[[Path], Transcript]]]":
    """The engine, loaded until the context ends, and a function from file to transcript."""
    from whisper_appliance.engines.contract import Priority
    from whisper_appliance.engines.process.client import EngineProcess
    from whisper_appliance.models.downloads import Downloads
    from whisper_appliance.models.manager import ModelManager
    from whisper_appliance.models.store import ModelStore
    from whisper_appliance.transcription.transcribe import TranscriptionRequest

    store = ModelStore(settings.model_dir, downloads_allowed=settings.model_downloads)
    downloads = Downloads(store)
    with closing(ModelManager(settings, store, downloads, start_engine=EngineProcess)) as models:
        name = model or models.default
        if store.find(name) is None:
            fetch(downloads, name)
        with (
            models.engine(name) as engine,
            tempfile.TemporaryDirectory(prefix="whisper-appliance-") as folder,
        ):
            request = TranscriptionRequest(options, Priority.BATCH, name, target_seconds=target_seconds)
            yield engine, lambda file: _transcribe_file(file, engine, request, settings, Path(folder))


def _transcribe_file(
    file: Path, engine: Any, request: "TranscriptionRequest", settings: "Settings", folder: Path
) -> "Transcript":
    from whisper_appliance.audio.decode import decode
    from whisper_appliance.jobs.transcription_job import decode_limits, diarizer
    from whisper_appliance.transcription.channels import sound_of, transcribe_channels
    from whisper_appliance.transcription.speakers import with_speakers
    from whisper_appliance.transcription.transcribe import transcribe as transcribe_recording

    sound = sound_of(request.options, file.name)

    def decode_sound(other: "Sound") -> "Recording":
        return decode(file, folder=folder, limits=decode_limits(settings), sound=other)

    with decode_sound(sound) as recording, formatting.bar(file.name) as bar:

        def transcribe_one(one: "Recording", channel: int) -> "Transcript":
            count = one.tracks.channels if one.tracks and sound.channel is not None else 1
            return transcribe_recording(
                one,
                engine,
                request,
                on_window=lambda done: bar.update(
                    max(0, round((channel + done.progress) / count * 1000) - bar.pos)
                ),
            )

        transcript = transcribe_channels(recording, sound, decode_sound, transcribe_one)
        found = with_speakers(transcript, recording, request.options, diarizer(lambda: settings))
        transcript = found.transcript
        bar.update(1000 - bar.pos)
    return transcript


def _choices_of(server: ServerOptions, name: str | None, user: str | None) -> tuple[dict[str, Any], str]:
    """The options of a preset of an account, and the model that the account chose; empty without one."""
    from whisper_appliance.app.offline_accounts import opened_accounts, opened_database
    from whisper_appliance.library.presets import Presets

    if name is None and user is None:
        return {}, ""
    if user is None or server.url:
        raise click.UsageError("Presets and models are those of an account on this machine: add --user NAME.")
    settings = load_settings()
    with opened_accounts(settings) as accounts:
        account = accounts.users.by_name(user)
    if name is None:
        return {}, account.model or ""
    with opened_database(settings) as database:
        return dict(Presets(database).find(account.id, name).options), account.model or ""


def _suitable(model: str, options: dict[str, Any]) -> str | None:
    """The model of an account, if it is here and can do this; None: the appliance chooses."""
    from whisper_appliance.models.catalog import suits
    from whisper_appliance.models.store import ModelStore
    from whisper_appliance.transcript.languages import language_code

    language = language_code(options["language"]) if options["language"] else None
    if not model or not suits(model, language, options["task"]):
        return None
    settings = load_settings()
    store = ModelStore(settings.model_dir, downloads_allowed=settings.model_downloads)
    return model if store.find(model) else None


def _is_open(context: click.Context, name: str) -> bool:
    """Whether an option has its default, so that a preset may set it."""
    return context.get_parameter_source(name) == ParameterSource.DEFAULT


def _options(given: dict[str, Any]) -> "Options":
    from whisper_appliance.engines.contract import Options
    from whisper_appliance.transcript.languages import language_code

    language = given.pop("language")
    given["word_timestamps"] = given["word_timestamps"] or given["diarize"]
    return Options(language=language_code(language) if language else None, **given)


def _target(file: Path, files: tuple[Path, ...], extension: str, folder: Path | None) -> Path | None:
    """The output file: talk.mp4 becomes talk.srt, or talk.mp4.srt if another file has the same stem."""
    if folder is None:
        return None
    is_unique = sum(other.stem == file.stem for other in files) == 1
    return folder / f"{file.stem if is_unique else file.name}{extension}"


def _write(written: bytes, target: Path | None) -> None:
    if target is None:
        click.echo(written, nl=not written.endswith(b"\n"))
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(written)
    click.echo(str(target), err=True)
