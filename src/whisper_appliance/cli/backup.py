"""`whisper-appliance backup` and `restore`: all data in one archive."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from whisper_appliance.cli import formatting
from whisper_appliance.cli.bootstrap import load_settings

if TYPE_CHECKING:
    from whisper_appliance.app.backup_service import BackupService
    from whisper_appliance.backups.archive_writer import ArchiveWriter
    from whisper_appliance.backups.restore import StagedBackup

MIN_PASSPHRASE_LENGTH = 12


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False))
@click.option("--encrypt", is_flag=True, help="Prompt for a passphrase and encrypt with it (age format).")
@click.option("--with-authority", is_flag=True, help="Include the private key of the certificate authority.")
def backup(file: Path, encrypt: bool, with_authority: bool) -> None:
    """Write all data except models to FILE (- for standard output).

    \b
    Works while the appliance runs. FILE contains all transcripts, stored audio and secret keys:
    keep it where only you can read it. BACKUP_PASSPHRASE encrypts it without a prompt. An existing file is
    not overwritten.
    """
    from whisper_appliance.core.errors import Conflict

    if str(file) != "-" and file.exists():
        raise Conflict("{file} exists already. Choose another name, or move it.", file=file)
    service = _backup_service()
    passphrase = _new_passphrase() if encrypt else None
    with service.full_backup(passphrase=passphrase, with_authority=with_authority) as archive:
        if str(file) == "-":
            _write(archive, sys.stdout.buffer)
        else:
            _write_file(archive, file)


@click.command()
@click.argument("file", type=click.File("rb"))
def restore(file: BinaryIO) -> None:
    """Restore FILE: a backup, or a copy of the database from DATA_DIR/backups.

    \b
    The appliance must be stopped. FILE is verified completely before anything changes, and the current
    data is moved aside, not overwritten. Restore only files that you trust: they contain accounts and keys.
    """
    from whisper_appliance.core.errors import Conflict, InvalidRequest
    from whisper_appliance.storage.lock import locked_folder

    service = _backup_service()
    with locked_folder(service.data_dir):
        found = _stage(service, file)
        try:
            aside = service.apply_staged()
        except (Conflict, InvalidRequest):  # nothing has changed; the next start must not restore it either
            service.restore.discard()
            raise
    what = f"The backup of {found.created}" if found.whole else "The copy of the database"
    click.echo(f"{what} was restored to {_where(service)}.")
    click.echo(f"The data before is in {aside}. Delete it when you no longer need it.")


def _new_passphrase() -> str:
    from whisper_appliance.core.errors import InvalidRequest

    entered: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    if len(entered) < MIN_PASSPHRASE_LENGTH:
        raise InvalidRequest(
            "The passphrase needs at least {length} characters.", length=MIN_PASSPHRASE_LENGTH
        )
    return entered


def _stage(service: "BackupService", file: BinaryIO) -> "StagedBackup":
    """Stages a backup; the passphrase of an encrypted one is BACKUP_PASSPHRASE, or prompted for."""
    from whisper_appliance.backups import age_format

    passphrase = service.passphrase
    head = file.read(len(age_format.MAGIC))
    if head == age_format.MAGIC and passphrase is None:
        passphrase = click.prompt("Passphrase of the backup", hide_input=True, err=True)
    read = age_format.with_head(head, file.read)
    return service.restore.stage(read, passphrase)


def _where(service: "BackupService") -> str:
    if service.database.is_sqlite:
        return str(service.data_dir)
    return f"{service.data_dir} and {service.database.name}"


def _backup_service() -> "BackupService":
    from whisper_appliance.app.backup_service import BackupService

    os.umask(0o077)
    return BackupService.standalone(load_settings())


def _write_file(archive: "ArchiveWriter", file: Path) -> None:
    """Writes to a temporary name, and links `file` only once all of it is on the disk."""
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            _write(archive, out)
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(part, file)
        except FileExistsError:
            raise
        except OSError:  # the file system has no hard links
            part.rename(file)
    finally:
        part.unlink(missing_ok=True)
    click.echo(f"{file}: {formatting.size(archive.size_bytes)}", err=True)


def _write(archive: "ArchiveWriter", out: BinaryIO) -> None:
    done = 0
    with formatting.bar("backup") as bar:
        for chunk in archive.chunks():
            out.write(chunk)
            done += len(chunk)
            bar.update(done * 1000 // archive.size_bytes - bar.pos)
