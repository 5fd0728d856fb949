"""The support bundle: how this appliance is, in one file that can be shown to strangers."""

import io
import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import distributions
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import sqlalchemy as sa

from whisper_appliance import __version__
from whisper_appliance.config import setting_rows
from whisper_appliance.config.overrides import is_secret
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.host import installation
from whisper_appliance.monitoring.doctor import examine
from whisper_appliance.monitoring.redaction import Scrubber
from whisper_appliance.storage.schema.accounts import keys, users
from whisper_appliance.storage.schema.jobs import jobs
from whisper_appliance.storage.schema.library import transcripts

if TYPE_CHECKING:
    from whisper_appliance.app.container import Appliance

MOST_NAMES = 20_000
SECRET_WORDS = ("PASSWORD", "TOKEN", "SECRET", "KEY")
README = """Support bundle of Whisper Appliance {version}, made {made}.

It holds the state of the appliance, its settings with their secrets hidden, what `doctor` finds, and its
latest log lines. Words of transcripts, titles, names of files and people, addresses of visitors, passwords,
keys and tokens are left out; [quoted], [name] and [token] stand where something was. Please look through it
all the same before you hand it on.
"""


def bundle(appliance: "Appliance", made: str) -> bytes:
    """The zip file. `made` is the time, for people."""
    scrubber = Scrubber(_secrets(appliance), _names(appliance))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _files(appliance, scrubber, made):
            archive.writestr(f"support/{name}", scrubber.without_secrets(text))
    return packed.getvalue()


def _files(appliance: "Appliance", scrubber: Scrubber, made: str) -> Iterator[tuple[str, str]]:
    status = appliance.status()
    yield "README.txt", README.format(version=__version__, made=made)
    yield "health.json", _json(asdict(status.health))
    yield "status.json", _json(asdict(status))
    yield "models.json", _json([asdict(model) for model in status.models])
    yield "queue.json", _json({"queue": status.queue and asdict(status.queue), "live": asdict(status.live)})
    yield "certificate.json", _json(status.certificate and asdict(status.certificate))
    yield "installation.txt", installation.find().name + "\n"
    yield "versions.txt", "".join(f"{name}=={version}\n" for name, version in _versions())
    rows = setting_rows.rows(appliance.adjustments)
    yield "settings.txt", "".join(f"{row.name}={row.value}  # {row.source}\n" for row in rows)
    found = examine(appliance.settings, model=False)
    yield "doctor.txt", "".join(f"{each.verdict:7} {each.what}: {each.text}\n" for each in found)
    yield "backups.json", _json([copied.name for copied in appliance.safekeeping.copies.all()])
    lines = (scrubber.line(line.values, line.template) for line in appliance.log_book.ring.lines())
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


def _names(appliance: "Appliance") -> Iterator[str]:
    """What people call their things and themselves; of very many, the newest."""
    columns = (
        (transcripts.c.title, transcripts.c.number),
        (jobs.c.title, jobs.c.number),
        (jobs.c.filename, jobs.c.number),
        (users.c.name, users.c.number),
        (keys.c.name, keys.c.created),
    )
    try:
        with appliance.database.read() as connection:
            for column, age in columns:
                newest = sa.select(column).order_by(age.desc()).limit(MOST_NAMES)
                yield from connection.execute(newest).scalars()
    except ApplianceError:
        return  # the lines stay without quotations, tokens and values of strangers


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n"
