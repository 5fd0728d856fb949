"""`whisper-appliance serve`: starts the web server."""

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
    help="Port for HTTPS, and for the redirect to it (HTTPS_PORT).",
)
@click.option(
    "--http", is_flag=True, help="Plain HTTP, for a proxy that terminates TLS (HTTPS_ENABLED=false)."
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of all stored data (DATA_DIR).")
@click.option("--model", "whisper_model", metavar="NAME", help="Model to start with (WHISPER_MODEL).")
def serve(http: bool, **options: object) -> int:
    """Serve the web pages and the API, with HTTPS.

    \b
    Stops on Ctrl-C or SIGTERM within 30 seconds; jobs continue after the next start.
    """
    from whisper_appliance.config import settings
    from whisper_appliance.server.bind_port import listen

    given = {name: value for name, value in options.items() if value is not None}
    if http:
        given["https_enabled"] = False
    loaded = settings.load(**given)
    listener = listen(loaded.host, loaded.https_port)
    gc.disable()  # the objects of a start are no garbage; the server enables it again
    from whisper_appliance.server.serve import serve as serve_on  # slow: the port is bound before

    return serve_on(loaded, listener)
