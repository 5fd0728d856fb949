"""whisper-appliance serve: the pages and the API."""

import gc
from pathlib import Path

import click


@click.command()
@click.option("--host", metavar="ADDRESS", help="Address to listen on (HOST).")
@click.option(
    "--port",
    "https_port",
    type=int,
    metavar="PORT",
    help="Port for HTTPS, and for the way to it (HTTPS_PORT).",
)
@click.option(
    "--http", is_flag=True, help="Plain HTTP, for use behind a proxy that ends TLS (HTTPS_ENABLED=false)."
)
@click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Folder of everything that is kept (DATA_DIR)."
)
@click.option("--model", "whisper_model", metavar="NAME", help="Model to start with (WHISPER_MODEL).")
def serve(http: bool, **options: object) -> int:
    """Serve the pages and the API, with HTTPS by itself.

    \b
    Stops on Ctrl-C or SIGTERM within 30 seconds; jobs go on at the next start.
    """
    from whisper_appliance.config import settings
    from whisper_appliance.host.bind_port import listen

    given = {name: value for name, value in options.items() if value is not None}
    if http:
        given["https_enabled"] = False
    loaded = settings.load(**given)
    listener = listen(loaded.host, loaded.https_port)
    gc.disable()  # nothing that a start makes is garbage; the server turns it on
    from whisper_appliance.server.serve import serve as serve_on  # takes a second: the port is taken before

    return serve_on(loaded, listener)
