"""The real server around a little application, as a program: tests start it, signal it and kill it."""

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from whisper_appliance.config import settings
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import AlreadyRunning, ApplianceError
from whisper_appliance.core.request_body import watched_by
from whisper_appliance.server import serve
from whisper_appliance.server.bind_port import listen

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def answer(stopping: threading.Event, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
    """What each path does is in its name."""
    path = environ["PATH_INFO"]
    if path == "/slow":
        print("began /slow", flush=True)
        stopping.wait(10)
    if path == "/stream":
        start("200 OK", [("Content-Type", "text/event-stream")])
        return stream(stopping)
    if path == "/read":
        environ["wsgi.input"].read()
    if path == "/watched":
        with watched_by(lambda size: print(f"arrived {size}", file=sys.stderr)):
            environ["wsgi.input"].read()
    status = "413 Content Too Large" if path == "/refuse" else "200 OK"
    body = f"{environ['wsgi.url_scheme']} {path}".encode()
    start(status, [("Content-Length", str(len(body)))])
    return [body]


def stream(stopping: threading.Event) -> Iterator[bytes]:
    """Sends hello, and goodbye when the server stops."""
    yield b"hello\n"
    stopping.wait()
    yield b"goodbye\n"


@contextmanager
def little(loaded: Settings, stopping: threading.Event) -> Iterator["WSGIApplication"]:
    """Opened in the worker and closed with it."""
    if loaded.whisper_model == "taken":
        raise AlreadyRunning("The data folder is in use.")
    print("opened", flush=True)
    yield partial(answer, stopping)
    print("closed", flush=True)


if __name__ == "__main__":
    try:
        loaded = settings.load()
        sys.exit(serve.serve(loaded, listen(loaded.host, loaded.https_port), little))
    except ApplianceError as error:
        sys.exit(error.message)
