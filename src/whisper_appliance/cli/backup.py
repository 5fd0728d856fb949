"""whisper-appliance backup and restore: everything in one file, and back."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from whisper_appliance.cli import formatting
from whisper_appliance.cli.bootstrap import begin

if TYPE_CHECKING:
    from whisper_appliance.app.backup_service import BackupService
    from whisper_appliance.backups.archive_writer import ArchiveWriter


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False))
def backup(file: Path) -> None:
    """Write everything that is kept, models excepted, to FILE (- is the standard output).

    \b
    Works while the appliance runs. FILE holds every transcript, the kept audio and the secret keys:
    keep it where only you can read it. An existing file is not overwritten.
    """
    from whisper_appliance.core.errors import Conflict

    if str(file) != "-" and file.exists():
        raise Conflict(f"{file} exists already. Choose another name, or move it away.")
    safekeeping = _safekeeping()
    with safekeeping.full_backup() as whole:
        if str(file) == "-":
            _write(whole, sys.stdout.buffer)
        else:
            _write_file(whole, file)


@click.command()
@click.argument("file", type=click.File("rb"))
def restore(file: BinaryIO) -> None:
    """Put back what FILE holds: a backup, or a copy of the database from DATA_DIR/backups.

    \b
    The appliance must be stopped. FILE is checked to its end before anything is changed, and what was
    there is set aside, not overwritten. Restore only files that you trust: they hold accounts and keys.
    """
    from whisper_appliance.core.errors import Conflict, InvalidRequest
    from whisper_appliance.storage.lock import locked_folder

    safekeeping = _safekeeping()
    with locked_folder(safekeeping.data_dir):
        found = safekeeping.restore.stage(file.read)
        try:
            aside = safekeeping.apply_staged()
        except (Conflict, InvalidRequest):  # nothing has changed, and nothing shall at the next start
            safekeeping.restore.discard()
            raise
    what = f"The backup of {found.created}" if found.whole else "The copy of the database"
    click.echo(f"{what} is in place in {_where(safekeeping)}.")
    click.echo(f"What was there is in {aside}. Delete it when you are sure that you need it no more.")


def _where(safekeeping: "BackupService") -> str:
    if safekeeping.database.is_sqlite:
        return str(safekeeping.data_dir)
    return f"{safekeeping.data_dir} and {safekeeping.database.name}"


def _safekeeping() -> "BackupService":
    from whisper_appliance.app.backup_service import BackupService

    os.umask(0o077)
    return BackupService.standalone(begin())


def _write_file(whole: "ArchiveWriter", file: Path) -> None:
    """Under its name only once it is whole and on the disk."""
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            _write(whole, out)
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(part, file)
        except FileExistsError:
            raise
        except OSError:  # a disk that knows no links
            part.rename(file)
    finally:
        part.unlink(missing_ok=True)
    click.echo(f"{file}: {formatting.size(whole.size_bytes)}", err=True)


def _write(whole: "ArchiveWriter", out: BinaryIO) -> None:
    done = 0
    with formatting.bar("backup") as bar:
        for chunk in whole.chunks():
            out.write(chunk)
            done += len(chunk)
            bar.update(done * 1000 // whole.size_bytes - bar.pos)
