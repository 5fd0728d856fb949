"""Runs the server: gunicorn with one worker process, HTTPS and HTTP on one port."""

import gc
import os
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import structlog
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from whisper_appliance.backups import archive_format
from whisper_appliance.config.overrides import with_overrides
from whisper_appliance.config.settings import Settings
from whisper_appliance.core import server_threads
from whisper_appliance.core.descriptors import raise_limit
from whisper_appliance.core.errors import ApplianceError, BadSetting
from whisper_appliance.core.memory import limit_malloc_arenas, trim_heap
from whisper_appliance.host import addresses
from whisper_appliance.host.certificates import Certificates
from whisper_appliance.host.data_folder import check_data_folder
from whisper_appliance.host.renewal import renew_in_background
from whisper_appliance.monitoring import logs
from whisper_appliance.server.gunicorn_worker import ApplianceWorker
from whisper_appliance.server.service_manager import ServiceManager
from whisper_appliance.server.tls import ReloadingSSLContext

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

MakeApp = Callable[[Settings, threading.Event], AbstractContextManager["WSGIApplication"]]
OK, FAILED, USAGE = 0, 1, 2
RESTART = 75
"""The exit code that requests a restart from the service manager (sysexits.h: EX_TEMPFAIL)."""
STOP_SECONDS = 28
HUNG_SECONDS = 120
TRIM_EVERY_SECONDS = 600.0
"""After a burst of connections, malloc would keep twice what is in use; to trim it takes some 30 ms."""
log = structlog.get_logger()


@contextmanager
def appliance_app(settings: Settings, stopping: threading.Event) -> Iterator["WSGIApplication"]:
    """Starts the appliance and yields its web application."""
    gc.disable()
    from whisper_appliance.app.appliance import Appliance
    from whisper_appliance.app.backup_service import BackupService
    from whisper_appliance.app.housekeeping import Housekeeping
    from whisper_appliance.protocols import registry
    from whisper_appliance.server.application import create_app
    from whisper_appliance.web import context

    with ExitStack() as opened:
        with BackupService.standalone(settings).with_recovery_hint():
            appliance = opened.enter_context(Appliance(settings, stopping=stopping))
        app = create_app(appliance)
        heap = Housekeeping({"freed memory": trim_heap}, TRIM_EVERY_SECONDS)
        heap.start()
        opened.callback(heap.close)
        _freeze_garbage_collector()
        app.extensions[context.EXTENSION].restart = lambda: os.kill(os.getppid(), signal.SIGUSR2)
        registry.start(app)
        registry.close_when(stopping, app)
        app.extensions[context.EXTENSION].rights.start(stopping)
        yield app


def serve(
    settings: Settings,
    listener: socket.socket,
    make_app: MakeApp = appliance_app,
    print_line: Callable[[str], None] = print,
) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code. Raises `BadSetting` before it serves.

    `make_app` is entered in the worker process, after the fork, and left when the server ends. Its event is
    set when the server begins to stop: streams must end then, and waiting requests must return.
    """
    logs.set_up(settings.log_level, debug=settings.debug_mode)
    os.umask(0o077)
    check_data_folder(settings.data_dir)
    _restore_staged_backup(settings)
    given, settings = settings, with_overrides(settings)
    logs.set_level(settings.log_level, debug=settings.debug_mode)
    limit_malloc_arenas(2)
    raise_limit()
    certificates = (
        Certificates.from_settings(lambda: with_overrides(given)) if settings.https_enabled else None
    )
    context = _context(certificates)
    application = _Application(
        settings, listener, certificates, context, lambda stopping: make_app(given, stopping), print_line
    )
    process = os.getpid()
    _freeze_garbage_collector()  # a collection would write to pages that both processes share
    arbiter = _Arbiter(application, ServiceManager())
    try:
        arbiter.run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else FAILED
    if os.getpid() != process:  # the worker ends here, and joins no thread: some may wait for clients
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    if arbiter.restarting and code == OK:
        return RESTART
    return {OK: OK, Arbiter.APP_LOAD_ERROR: USAGE}.get(code, FAILED)


class _Application(BaseApplication):  # type: ignore[misc] # gunicorn publishes no types
    """The configuration of gunicorn, and the application that the worker process builds."""

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        certificates: Certificates | None,
        context: ReloadingSSLContext | None,
        make_app: Callable[[threading.Event], AbstractContextManager["WSGIApplication"]],
        print_line: Callable[[str], None],
    ) -> None:
        self.redirect = settings.http_redirect
        self.stopping = threading.Event()
        self.settings = settings
        self._port = listener.getsockname()[1]
        self._listener_fd = listener.detach()
        self._certificates = certificates
        self._context = context
        self._make_app = make_app
        self._print_line = print_line
        self._opened = ExitStack()
        super().__init__()

    def load_config(self) -> None:
        limits = self.settings
        long_lived = limits.max_websockets + limits.max_event_streams + limits.max_waiting_requests
        threads = long_lived + server_threads.SPARE
        options = {
            "bind": f"fd://{self._listener_fd}",
            "workers": 1,  # one process holds all sockets, jobs and models
            "worker_class": ApplianceWorker,
            "threads": threads,
            "worker_connections": max(self.settings.max_connections, threads + 36),
            "keepalive": 15,
            "timeout": HUNG_SECONDS,
            "graceful_timeout": STOP_SECONDS,
            "control_socket_disable": True,
            "forwarded_allow_ips": "",  # TRUSTED_PROXIES is read by the web application
            "secure_scheme_headers": {},
            "forwarder_headers": "",
            "logger_class": _Logger,
            "loglevel": "debug" if self.settings.debug_mode else "warning",
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,  # noqa: S108 - gunicorn's mkstemp
            "proc_name": "whisper-appliance",
        }
        if self._certificates and self._context:
            options["certfile"] = str(self._certificates.chain_path)
            options["keyfile"] = str(self._certificates.key_path)
            reloading = self._context
            options["ssl_context"] = lambda _config, _default: reloading.current()
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> "WSGIApplication":
        """Runs in the worker. An error of the start ends the server with one message, no traceback."""
        try:
            app = self._opened.enter_context(self._make_app(self.stopping))
            if self._certificates:
                self._opened.enter_context(renew_in_background(self._certificates))
        except ApplianceError as error:
            print(f"Error: {error.message}", file=sys.stderr)
            code = Arbiter.APP_LOAD_ERROR if isinstance(error, BadSetting) else Arbiter.WORKER_BOOT_ERROR
            sys.exit(code)
        except OSError as error:  # the data folder cannot be written, or its disk is full
            where = f"{error.filename}: " if error.filename else ""
            print(f"Error: {where}{error.strerror or error}.", file=sys.stderr)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
        self._print_line(self._welcome())
        sys.stdout.flush()  # a pipe in containers, which would keep it until the end
        return app

    def close(self) -> None:
        """Runs in the worker when it ends."""
        self.stopping.set()
        self._opened.close()

    def _welcome(self) -> str:
        scheme = "https" if self._certificates else "http"
        urls = addresses.urls(scheme, self.settings.host, self._port)
        lines = ["", "Whisper Appliance is running. Open it at", *(f"  {url}" for url in urls)]
        if self._certificates and self._certificates.info().kind == "generated":
            lines += ["Browsers warn until they trust its certificate; how to do that, phones included:"]
            lines += [f"  {urls[min(1, len(urls) - 1)]}/trust"]
        with suppress(OSError):  # there is no such file, or no more, where there are accounts
            setup = (self.settings.data_dir / "setup-token").read_text().strip()
            lines += ["Make the owner's account within an hour at", f"  {urls[min(1, len(urls) - 1)]}{setup}"]
        return "\n".join([*lines, "Stop it with Ctrl-C.", ""])


class _Arbiter(Arbiter):  # type: ignore[misc] # gunicorn publishes no types
    """gunicorn's arbiter without reload and with one worker, which holds the data folder's lock."""

    restarting = False

    def __init__(self, application: _Application, service_manager: ServiceManager) -> None:
        super().__init__(application)
        self._service_manager = service_manager

    def murder_workers(self) -> None:
        """Runs every second: ends a worker that hangs, and reports to the service manager."""
        super().murder_workers()
        self._service_manager.alive()
        # the time of a worker that has not reached its main loop is that of the wall clock
        if any(worker.tmp.last_update() <= time.monotonic() for worker in self.WORKERS.values()):
            self._service_manager.ready()

    def stop(self, graceful: bool = True) -> None:
        """Stops the worker."""
        self._service_manager.stopping()
        super().stop(graceful)

    def handle_hup(self) -> None:
        """Stops the server if its terminal was closed; does nothing otherwise."""
        if sys.stderr.isatty():
            self.handle_term()
        log.info("nothing to reload: certificates reload by themselves, settings need a restart")

    def handle_usr2(self) -> None:
        """A restart from the admin panel: stops as for SIGTERM, and exits with `RESTART`."""
        self.restarting = True
        self.handle_term()

    handle_ttin = handle_ttou = handle_hup


class _Logger(Logger):  # type: ignore[misc] # gunicorn publishes no types
    """Sends gunicorn's log lines to the log of the appliance, without an access log."""

    def setup(self, config: Any) -> None:
        super().setup(config)
        for logger in (self.error_log, self.access_log):
            logger.handlers = []
            logger.propagate = True

    def access(self, response: Any, request: Any, environ: Any, seconds: Any) -> None:
        """Does nothing: the application logs requests, with their ids and without tokens in paths."""


def _restore_staged_backup(settings: Settings) -> None:
    """Restores the backup that was staged in the admin panel, before anything is opened."""
    if archive_format.is_staged(settings.data_dir):
        from whisper_appliance.app.backup_service import apply_staged_restore

        apply_staged_restore(settings)


def _freeze_garbage_collector() -> None:
    """Excludes all present objects from garbage collection, because they live as long as the process."""
    gc.freeze()
    gc.enable()


def _context(certificates: Certificates | None) -> ReloadingSSLContext | None:
    if certificates is None:
        return None
    certificates.ensure()
    try:
        return ReloadingSSLContext(lambda: (certificates.chain_path, certificates.key_path))
    except ssl.SSLError as error:
        raise BadSetting(
            "The certificate {chain_path} cannot be used: {error}.",
            chain_path=certificates.chain_path,
            error=error,
        ) from None
