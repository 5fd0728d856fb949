"""`doctor`: checks of the installation, one line of result each."""

import os
import platform
import shlex
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from whisper_appliance import __version__
from whisper_appliance.core import seccomp
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.core.text import format_bytes
from whisper_appliance.monitoring.host_checks import (
    CheckResult,
    Verdict,
    clock,
    limits,
    network_names,
    processor,
    recent_errors,
    service,
)

if TYPE_CHECKING:
    from whisper_appliance.config.settings import Settings
    from whisper_appliance.core.sandbox import Isolation
    from whisper_appliance.engines.process.client import EngineStatus

ENGINE_SECONDS = 120.0
POLL_SECONDS = 0.05


def run_checks(settings: "Settings", *, model: bool = True, engine: bool = False) -> Iterator[CheckResult]:
    """Runs the checks. `model` verifies its checksums, `engine` loads it; each may take seconds."""
    checks = [
        *(_python, _machine, processor, limits, clock, network_names, service, _folders, _storage, _database),
        *(_port, _certificate, _provider, _decoder, _speakers, _translation, recent_errors),
    ]
    for check in [*checks, *([_model] if model else []), *([_engine] if engine else [])]:
        yield from _examined(check, settings)


def _examined(
    check: Callable[["Settings"], Iterator[CheckResult]], settings: "Settings"
) -> Iterator[CheckResult]:
    try:
        yield from check(settings)
    except (ApplianceError, OSError) as error:
        name = check.__name__.removeprefix("_").replace("_", " ")
        yield CheckResult(name, "broken", str(error))


def _python(_settings: "Settings") -> Iterator[CheckResult]:
    yield CheckResult(
        "version", "ok", f"{__version__} on Python {platform.python_version()}, {sys.executable}"
    )


def _machine(_settings: "Settings") -> Iterator[CheckResult]:
    from whisper_appliance.models.hardware import detect_gpus, this_machine

    machine = this_machine(detect_gpus())
    cards = ", ".join(gpu.name for gpu in machine.gpus) or "no GPU"
    free = f"{format_bytes(machine.available_bytes)} of {format_bytes(machine.memory_bytes)} memory free"
    yield CheckResult("machine", "ok", f"{machine.cores} processor cores, {free}, {cards}")


def _speakers(settings: "Settings") -> Iterator[CheckResult]:
    """Whether a diarizer is available."""
    from whisper_appliance.diarization.registry import is_installed

    if is_installed(settings.diarization_model):
        yield CheckResult("speakers", "ok", "are told apart by voice (experimental)")
    elif settings.diarization_model:
        advice = "Correct DIARIZATION_MODEL, or leave it empty."
        yield CheckResult("speakers", "note", f"{settings.diarization_model} is no folder", advice)
    else:
        yield CheckResult("speakers", "ok", "are told apart by channel only; see docs/diarization.md")


def _translation(settings: "Settings") -> Iterator[CheckResult]:
    """Which pairs of languages translators offer."""
    from whisper_appliance.translation.registry import MARIAN, installed_pairs

    offered = installed_pairs(settings.translation_models)
    if settings.translation_models and MARIAN not in offered:
        advice = "Lay a model into a subfolder such as de-en; see docs/transcripts.md"
        yield CheckResult("translation", "note", f"{settings.translation_models} has no model", advice)
    pairs = sorted({f"{source}-{target}" for found in offered.values() for source, target in found})
    if pairs:
        yield CheckResult("translation", "ok", f"of text: {', '.join(pairs)}")
    else:
        yield CheckResult("translation", "ok", "of recordings into English only; see docs/transcripts.md")


def _folders(settings: "Settings") -> Iterator[CheckResult]:
    for what, folder in (("data", settings.data_dir), ("models", settings.model_dir)):
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        yield _free_space(settings, what, folder, there)


def _free_space(settings: "Settings", what: str, folder: Path, there: Path) -> CheckResult:
    free = shutil.disk_usage(there).free
    if not os.access(there, os.W_OK | os.X_OK):
        advice = f"chown -R {os.geteuid()}:{os.getegid()} {shlex.quote(str(folder))}"
        return CheckResult(what, "broken", f"{folder} cannot be written by this user", advice)
    if free < settings.min_free_disk:
        return CheckResult(
            what,
            "broken",
            f"{folder}: {format_bytes(free)} free, less than MIN_FREE_DISK",
            "Delete old backups or recordings, or give it a larger disk.",
        )
    return CheckResult(what, "ok", f"{folder}, {format_bytes(free)} free")


def _storage(settings: "Settings") -> Iterator[CheckResult]:
    """STORAGE_URL is never created, because a missing folder is a missing mount."""
    if (storage := settings.storage_url) is None:
        return
    if not storage.is_dir():
        yield CheckResult("storage", "broken", f"{storage} does not exist; mount it")
        return
    yield _free_space(settings, "storage", storage, storage)
    for name in ("audio", "uploads"):
        left = settings.data_dir / name
        if left.is_dir() and any(left.iterdir()):
            yield CheckResult("storage", "note", f"{left} is not used; move its files to {storage / name}")


def _database(settings: "Settings") -> Iterator[CheckResult]:
    """The workers on a shared database, and whether their heartbeats arrive."""
    from whisper_appliance.jobs.workers import WorkerRepository
    from whisper_appliance.storage.database import Database

    if settings.database_url is None:
        return
    with closing(Database(settings.database_url.get_secret_value())) as database:
        for worker in WorkerRepository(database).page() if database.revision() else ():
            jobs = f"{worker.running} jobs running, {worker.waiting} waiting"
            if worker.is_stale:
                since = f"silent since {worker.last_seen}, {jobs}"
                yield CheckResult("database", "note", f"{worker.host}: {since}; see Jobs in the admin panel")
            else:
                yield CheckResult("database", "ok", f"{worker.host}: appliance {worker.version}, {jobs}")


def _port(settings: "Settings") -> Iterator[CheckResult]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    address = f"{settings.host}:{settings.https_port}"
    try:
        socket.create_server((settings.host, settings.https_port), family=family).close()
    except OSError as error:
        yield CheckResult("port", "note", f"{address}: {error.strerror}; fine if the appliance is running")
    else:
        yield CheckResult("port", "ok", f"{address} is free")


def _provider(settings: "Settings") -> Iterator[CheckResult]:
    """Over plain HTTP somebody in between can sign in as anybody."""
    issuer = urlsplit(settings.oidc_issuer)
    if issuer.scheme == "http" and issuer.hostname not in ("localhost", "127.0.0.1", "::1"):
        advice = "Give the provider HTTPS, and OIDC_ISSUER its address"
        yield CheckResult("sign-in", "note", "OIDC_ISSUER is not encrypted", advice)


def _certificate(settings: "Settings") -> Iterator[CheckResult]:
    from whisper_appliance.host.certificates import Certificates

    if not settings.https_enabled:
        yield CheckResult("certificate", "note", "HTTPS is off (HTTPS_ENABLED=false)")
        return
    info = Certificates.from_settings(lambda: settings).info()
    yield CheckResult(
        "certificate", "ok", f"{info.kind}, ends {info.not_after:%Y-%m-%d}, for {', '.join(info.names)}"
    )
    for warning in info.warnings:
        yield CheckResult("certificate", "note", warning)


def _decoder(_settings: "Settings") -> Iterator[CheckResult]:
    from whisper_appliance.audio.decode import isolation

    yield _layers("decoder", isolation())


def _layers(name: str, held: "Isolation") -> CheckResult:
    if held.is_complete:
        return CheckResult(name, "ok", str(held))
    advice = "Allow it in the kernel or the container, or leave it: the other layers hold (docs/security.md)."
    if not seccomp.is_available():
        advice = f"Install libseccomp2, which filters system calls. {advice}"
    return CheckResult(name, "note", str(held), advice)


def _model(settings: "Settings") -> Iterator[CheckResult]:
    name, path = _located(settings)
    yield CheckResult("model", "ok", f"{name} in {path}, verified")


def _engine(settings: "Settings") -> Iterator[CheckResult]:
    from whisper_appliance.engines.process.client import EngineProcess
    from whisper_appliance.models.downloads import Downloads
    from whisper_appliance.models.manager import ModelManager
    from whisper_appliance.models.store import ModelStore

    name, _ = _located(settings)
    store = ModelStore(settings.model_dir, downloads_allowed=False)
    models = ModelManager(settings, store, Downloads(store), start_engine=EngineProcess)
    try:
        with models.engine(name) as engine:
            status = _loaded(engine.status)
    finally:
        models.close()
    verdict: Verdict = "broken" if status.state in ("failed", "loading") else "ok"
    yield CheckResult(
        "engine",
        verdict,
        status.reason or f"{status.name}, {status.device}, {status.compute_type}",
    )
    if status.isolation:
        yield _layers("engine", status.isolation)
    for notice in status.notices:
        yield CheckResult("engine", "note", str(notice))


def _loaded(status: Callable[[], "EngineStatus"]) -> "EngineStatus":
    deadline = time.monotonic() + ENGINE_SECONDS
    while status().state == "loading" and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return status()


def _located(settings: "Settings") -> tuple[str, Path]:
    from whisper_appliance.core.errors import ModelUnavailable
    from whisper_appliance.models.catalog import canonical
    from whisper_appliance.models.store import ModelStore

    name = canonical(settings.whisper_model)
    store = ModelStore(settings.model_dir, downloads_allowed=settings.model_downloads)
    path = store.locate(name)
    if path is None:
        problem = (
            store.file_problem(name) or f"{name} is not in {settings.model_dir}, the hub's cache or a package"
        )
        raise ModelUnavailable(
            "{problem}. Fetch it: whisper-appliance models pull {name}", problem=problem, name=name
        )
    return name, path
