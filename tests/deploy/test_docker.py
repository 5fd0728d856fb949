"""The container image and the compose files: what can be checked without a container engine."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.program import ROOT
from whisper_appliance.web.i18n import LANGUAGES

FOLDER = ROOT / "deploy/docker"
COMPOSE = ("compose.yaml", "compose.cluster.yaml")


def services(file: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / file).read_text())["services"]
    return found


def test_the_dockerfile_passes_hadolint() -> None:
    program = Path(sys.executable).with_name("hadolint")
    checked = subprocess.run([program, FOLDER / "Dockerfile"], capture_output=True, text=True, check=False)
    assert checked.stdout == ""


def test_what_the_dockerfile_copies_is_in_the_repository_and_not_ignored() -> None:
    text = (FOLDER / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().split()
    for names in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for name in names.split():
            assert (ROOT / name).exists()
            assert name not in ignored


def test_the_image_can_filter_system_calls() -> None:
    image = (FOLDER / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert re.search(r"apt-get install .*libseccomp2", image)


@pytest.mark.parametrize("file", COMPOSE)
def test_the_appliance_is_locked_down(file: str) -> None:
    for name, service in services(file).items():
        if service["image"] != "whisper-appliance" or service.get("network_mode") == "none":
            continue
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "user" not in service or not str(service["user"]).startswith("0"), name


@pytest.mark.parametrize("file", COMPOSE)
def test_every_volume_and_every_dependency_is_defined(file: str) -> None:
    text = yaml.safe_load((FOLDER / file).read_text())
    for name, service in text["services"].items():
        named = {volume.split(":")[0] for volume in service.get("volumes", []) if ":" in volume}
        assert named <= set(text["volumes"]), name
        assert set(service.get("depends_on", {})) <= set(text["services"]), name


def test_the_image_keeps_the_locales_of_all_languages_of_the_pages() -> None:
    dockerfile = (FOLDER / "Dockerfile").read_text()
    assert [code for code in LANGUAGES if f"! -name '{code}*.dat'" not in dockerfile] == []
