"""Options of commands that use an appliance on the network: its address, the API key, and whom to trust."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whisper_appliance.cli import formatting

if TYPE_CHECKING:
    from whisper_appliance.client import Appliance, Job

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
TRUST_OPTIONS = (
    click.option(
        "--key",
        envvar="WHISPER_APPLIANCE_KEY",
        metavar="KEY",
        help="Your API key; safer in the variable WHISPER_APPLIANCE_KEY than on the command line.",
    ),
    click.option(
        "--ca-fingerprint",
        metavar="SHA256",
        help="The fingerprint of the appliance's local CA, from its `certificate` command.",
    ),
    click.option("--cacert", type=FILE, help="The certificate of the appliance's local CA, from URL/ca.crt."),
    click.option("--insecure", is_flag=True, help="Do not verify the appliance's certificate."),
)
RenderAs = Callable[[str], bytes]
"""Renders a transcript in the format of this name."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """An appliance on the network. `url` is empty if the command works without one."""

    url: str
    key: str
    ca_fingerprint: str | None
    cacert: Path | None
    insecure: bool

    def connect(self) -> "Appliance":
        """A client, to be closed."""
        from whisper_appliance.client import Appliance

        return Appliance(
            self.url,
            key=self.key,
            ca_file=self.cacert,
            ca_fingerprint=self.ca_fingerprint,
            insecure=self.insecure,
        )


def trust_options(command: Callable[..., int]) -> Callable[..., int]:
    """Adds the options of the key and of trust to a command, which gets `server`; `url` is its own option."""

    @wraps(command)
    def with_server(url: str | None, **given: Any) -> int:
        names = ("key", "ca_fingerprint", "cacert", "insecure")
        trust = {name: given.pop(name) for name in names}
        trust["key"] = trust["key"] or ""
        return command(server=ServerOptions(url=(url or "").rstrip("/"), **trust), **given)

    for option in reversed(TRUST_OPTIONS):
        with_server = option(with_server)
    return with_server


@contextmanager
def transcriber_on(
    server: ServerOptions, options: dict[str, Any], lines: dict[str, int]
) -> Iterator[Callable[[Path], RenderAs]]:
    """A function that has the server transcribe a file. Raises the errors of the client."""
    with server.connect() as client:

        def transcribe_file(file: Path) -> RenderAs:
            job = _ended(client, client.submit(file, **options), file.name)
            transcript = client.result(job.id)
            for warning in transcript.warnings:
                click.echo(f"{file}: {warning.message}", err=True)
            return lambda name: client.download(transcript.id, name, **lines)

        yield transcribe_file


def _ended(client: "Appliance", job: "Job", label: str) -> "Job":
    """The job once it has ended, with its progress on the terminal."""
    with formatting.bar(label) as bar:
        for change in client.events(job.id):
            job = change.job
            bar.update(max(0, round(job.progress * 1000) - bar.pos))
    return job
