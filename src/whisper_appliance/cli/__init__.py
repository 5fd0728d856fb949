"""The command line: a module for each command, which imports heavy modules only when it runs."""

import os
import sys

import click

from whisper_appliance import __version__
from whisper_appliance.cli.backup import backup, restore
from whisper_appliance.cli.certificate import certificate
from whisper_appliance.cli.doctor import doctor
from whisper_appliance.cli.health import health
from whisper_appliance.cli.imports import import_transcripts
from whisper_appliance.cli.keys import keys
from whisper_appliance.cli.listen import listen
from whisper_appliance.cli.manifest import manifest
from whisper_appliance.cli.models import models
from whisper_appliance.cli.replay import replay
from whisper_appliance.cli.serve import serve
from whisper_appliance.cli.settings import settings
from whisper_appliance.cli.transcribe import transcribe
from whisper_appliance.cli.users import users
from whisper_appliance.core.errors import ApplianceError, BadSetting

FAILED, USAGE, INTERRUPTED = 1, 2, 130
EPILOG = """\b
Settings are environment variables, such as WHISPER_MODEL=small or DATA_DIR=/srv/whisper;
`whisper-appliance doctor` lists all of them. Exit codes: 0 success, 1 failure, 2 wrong usage or
settings, 130 interrupted."""


@click.group(
    epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="whisper-appliance")
def cli() -> None:
    """Self-hosted speech-to-text: transcribes recordings and live speech."""


for command in (serve, transcribe, import_transcripts, replay, listen, models, users, keys):
    cli.add_command(command)
for command in (certificate, settings, backup, restore, manifest, doctor, health):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Runs one command and exits with its exit code; an error is one sentence on stderr."""
    code = _run(arguments)
    if code == INTERRUPTED:
        # CPython would end by SIGINT (-2) if the signal arrived inside an exec() of an import.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _run(arguments: list[str] | None) -> int:
    try:
        code = cli.main(arguments, prog_name="whisper-appliance", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except ApplianceError as error:
        click.echo(f"Error: {error.message}", err=True)
        return USAGE if isinstance(error, BadSetting) else FAILED
    except BrokenPipeError:  # the reader of stdout has closed it, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"Error: {where}{error.strerror or error}.", err=True)
        return FAILED
    return code if isinstance(code, int) else 0
