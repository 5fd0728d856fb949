"""`whisper-appliance import`: takes over transcripts that were made elsewhere."""

from pathlib import Path

import click

from whisper_appliance.cli.bootstrap import load_settings

FILE = click.Path(exists=True, path_type=Path)


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--user", required=True, metavar="NAME", help="The account that gets the transcripts.")
def import_transcripts(files: tuple[Path, ...], user: str) -> int:
    """Import FILES: transcripts as JSON (ours, Whisper's, WhisperX), srt or vtt, archives, or folders.

    \b
    whisper-appliance import --user Ada "transcripts of Ada.zip" ~/interviews

    It works while the appliance runs, too.
    """
    from whisper_appliance.app.import_transcripts import ImportTranscripts
    from whisper_appliance.app.offline_accounts import opened_accounts, opened_database
    from whisper_appliance.library.chapters import Chapters
    from whisper_appliance.library.notes import Notes
    from whisper_appliance.library.transcripts import TranscriptRepository

    settings, failed = load_settings(), 0
    with opened_accounts(settings) as accounts:
        owner = accounts.users.by_name(user).id
    with opened_database(settings) as database:
        importing = ImportTranscripts(TranscriptRepository(database), Notes(database), Chapters(database))
        for file in _all_files(files):
            for result in importing.import_file(file, file.name, owner, user):
                if result.error:
                    failed = 1
                    click.echo(f"{result.name}: {result.error.message}", err=True)
                else:
                    click.echo(f"{result.name}: imported, {result.id}")
    return failed


def _all_files(given: tuple[Path, ...]) -> list[Path]:
    """The files, and those in folders that can be imported."""
    from whisper_appliance.transcript.imports import EXTENSIONS

    taken = (*EXTENSIONS, ".zip")
    files: list[Path] = []
    for path in given:
        if path.is_dir():
            files += sorted(
                each for each in path.rglob("*") if each.suffix.lower() in taken and each.is_file()
            )
        else:
            files.append(path)
    return files
