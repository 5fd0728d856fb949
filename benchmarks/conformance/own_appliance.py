"""An appliance of this folder's code with the settings that the page "Connect a program" asks for."""

import os
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.support.program import free_port

from benchmarks.competitors import Server
from benchmarks.conformance.target import Target
from whisper_appliance.pages.programs import PROGRAMS

NAME = "conformance"


@contextmanager
def running_appliance(target: Target, model: str, model_folder: Path | None = None) -> Iterator[Target]:
    """`target` with the address, the key and the Wyoming port of an appliance that runs with `model`.

    `model_folder` has the files of the model; default: those of an installed package. Anyone on the network
    may use the appliance, because some programs have no place for a key.
    """
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        data, models = Path(folder) / "data", Path(folder) / "models"
        if model_folder:
            models.mkdir()
            (models / model).symlink_to(model_folder)
        wyoming = free_port()
        settings = {
            "WHISPER_MODEL": model,
            "WYOMING_PORT": str(wyoming),
            "CORS_ORIGINS": ",".join(sorted({each.origin for each in PROGRAMS} - {""})),
        }
        with Server(data, models, **settings) as server:
            server.wait_for_page()
            _command(data, "users", "add", NAME, "--password-stdin", text="sixteen letters or more\n")
            _command(data, "users", "openness", "network")
            key = _command(data, "keys", "add", NAME, NAME).strip()
            authority = Path(folder) / "ca.pem"
            _command(data, "certificate", "--ca-out", str(authority))
            yield replace(
                target,
                url=server.url,
                key=key,
                trust=ssl.create_default_context(cafile=authority),
                authority=authority,
                wyoming=f"127.0.0.1:{wyoming}",
            )


def _command(data: Path, *arguments: str, text: str = "") -> str:
    """What `whisper-appliance` prints."""
    return subprocess.run(
        [sys.executable, "-m", "whisper_appliance", *arguments],
        env={**os.environ, "DATA_DIR": str(data)}, input=text, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
