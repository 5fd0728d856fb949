"""`whisper-appliance listen`: streams speech to an appliance and prints captions."""

import sys
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from whisper_appliance.cli.server_options import ServerOptions, trust_options

if TYPE_CHECKING:
    from whisper_appliance.client.live_client import LiveClient

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("url", default="https://localhost:5001")
@click.option("-f", "--file", type=FILE, help="Send a recording instead of microphone input.")
@click.option("--realtime", is_flag=True, help="With --file: send in real time.")
@click.option("-d", "--device", metavar="NAME", help="A microphone as `arecord -L` names it, or 'default'.")
@click.option("-l", "--language", metavar="LANGUAGE", help="Code or English name. [default: detected]")
@click.option("--task", type=click.Choice(["transcribe", "translate"]), default="transcribe")
@click.option("-m", "--model", metavar="NAME", help="A model of the appliance. [default: its default model]")
@click.option("--prompt", metavar="TEXT", help="Preceding text as context: names, spelling, style.")
@click.option("--title", metavar="TEXT", help="Title of the transcript.")
@trust_options
def listen(
    server: ServerOptions,
    file: Path | None,
    realtime: bool,
    device: str | None,
    **options: str | None,
) -> int:
    """Send speech to the appliance at URL and print captions; tentative words on a terminal only.

    Without --file and --device, 16 kHz mono s16le samples are read from a pipe. The first Ctrl-C stops the
    recording and keeps its transcript; the second one exits at once.

    \b
    whisper-appliance listen --device default
    whisper-appliance listen https://box.local:5001 --file talk.m4a --realtime
    ffmpeg -i rtsp://camera/ -f s16le -ac 1 -ar 16000 - | whisper-appliance listen
    """
    from whisper_appliance.cli.caption_printer import CaptionPrinter
    from whisper_appliance.client.live_client import LiveClient
    from whisper_appliance.client.socketio_client import SocketIOClient
    from whisper_appliance.client.trust import tls_context

    packets = _packets(file, device, realtime=realtime)
    tls = tls_context(
        server.url, ca_file=server.cacert, ca_fingerprint=server.ca_fingerprint, insecure=server.insecure
    )
    client = LiveClient(
        lambda handlers: SocketIOClient(server.url, handlers, tls, key=server.key),
        {"v": 1, **{name: value for name, value in options.items() if value}},
        CaptionPrinter().on_event,
    )
    end = _stream(client, packets)
    if end["transcript_id"]:
        click.echo(f"{server.url}/transcripts/{end['transcript_id']}", err=True)
    return 0


def _stream(client: "LiveClient", packets: Iterator[bytes]) -> dict[str, str]:
    """Streams until the end; the first interrupt stops the recording, the second one the program."""
    import signal

    before = signal.getsignal(signal.SIGINT)

    def interrupted(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        client.finish_soon()

    signal.signal(signal.SIGINT, interrupted)
    try:
        return client.stream(packets)
    finally:
        signal.signal(signal.SIGINT, before)


def _packets(file: Path | None, device: str | None, *, realtime: bool) -> Iterator[bytes]:
    from whisper_appliance.cli import audio_sources

    if file and device:
        raise click.UsageError("Use either --file or --device.")
    if file:
        packets = audio_sources.from_file(file)
        return audio_sources.in_real_time(packets) if realtime else packets
    if device:
        return audio_sources.from_microphone(device)
    if sys.stdin.isatty():
        raise click.UsageError("Choose a source: --device default, --file FILE, or samples in a pipe.")
    return audio_sources.from_pipe(cast(BufferedReader, sys.stdin.buffer))
