"""The support bundle: status, settings and logs in one redacted zip file that is safe to share."""

import io
import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import distributions
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from whisper_appliance import __version__
from whisper_appliance.config import setting_rows
from whisper_appliance.config.overrides import is_secret
from whisper_appliance.host import installation
from whisper_appliance.monitoring.doctor import run_checks
from whisper_appliance.monitoring.personal_names import personal_names
from whisper_appliance.monitoring.redaction import Redactor

if TYPE_CHECKING:
    from whisper_appliance.app.appliance import Appliance

SECRET_WORDS = ("PASSWORD", "TOKEN", "SECRET", "KEY")
README = """Support bundle of Whisper Appliance {version}, made {made}.

It holds the status of the appliance, its settings with their secrets hidden, the results of `doctor`, and its
latest log lines. Words of transcripts, titles, names of files and people, addresses of visitors, passwords,
keys and tokens are removed; [quoted], [name] and [token] stand in their places. Please read it before you
share it.
"""


def make_support_bundle(appliance: "Appliance", made: str) -> bytes:
    """Returns the zip file. `made` is the time as text."""
    redactor = Redactor(_secrets(appliance), personal_names(appliance.database))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _files(appliance, redactor, made):
            archive.writestr(f"support/{name}", redactor.redact_secrets(text))
    return packed.getvalue()


def _files(appliance: "Appliance", redactor: Redactor, made: str) -> Iterator[tuple[str, str]]:
    status = appliance.status()
    yield "README.txt", README.format(version=__version__, made=made)
    yield "health.json", _json(asdict(status.health))
    yield "status.json", _json(asdict(status))
    yield "models.json", _json([asdict(model) for model in status.models])
    yield "queue.json", _json({"queue": status.queue and asdict(status.queue), "live": asdict(status.live)})
    yield "certificate.json", _json(status.certificate and asdict(status.certificate))
    yield "installation.txt", installation.detect().name + "\n"
    yield "versions.txt", "".join(f"{name}=={version}\n" for name, version in _versions())
    rows = setting_rows.setting_rows(appliance.overrides)
    yield "settings.txt", "".join(f"{row.name}={row.value}  # {row.source}\n" for row in rows)
    found = run_checks(appliance.settings, model=False)
    yield "doctor.txt", "".join(f"{each.verdict:7} {each.check}: {each.text}\n" for each in found)
    yield "backups.json", _json([copied.name for copied in appliance.backups.copies.copies()])
    lines = (redactor.redact_line(line.values, line.template) for line in appliance.log_sinks.ring.lines())
    yield "log.jsonl", "".join(f"{json.dumps(line, ensure_ascii=False, default=str)}\n" for line in lines)


def _versions() -> list[tuple[str, str]]:
    return sorted({(found.metadata["Name"] or "", found.version) for found in distributions()})


def _secrets(appliance: "Appliance") -> Iterator[str]:
    settings = appliance.settings
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value is not None and is_secret(name):
            yield value.get_secret_value()
            yield urlsplit(value.get_secret_value()).password or ""
    yield appliance.secret_key
    for name, text in os.environ.items():
        if any(word in name.upper() for word in SECRET_WORDS):
            yield text


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n"
