"""How the appliance was installed, and the commands that update it. It never updates itself."""

import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from whisper_appliance.core.i18n import N_

InstallationKind = Literal["git", "venv", "python", "docker", "installer"]
NAMES: dict[InstallationKind, str] = {
    "git": N_("A git checkout"),
    "venv": N_("A Python environment of its own"),
    "python": N_("The Python of this machine"),
    "docker": N_("A container (Docker or Podman)"),
    "installer": N_("A service of install-container.sh"),
}
INSTALLER_FOLDER = "opt/whisper-appliance"
BACKUP = "~/before-update.tar"


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the program is, the systemd unit that starts it, and whether it runs in an LXC container."""

    kind: InstallationKind
    place: Path
    python: str
    unit: str = ""
    lxc: bool = False
    data_dir: Path | None = None

    @property
    def facts(self) -> Sequence[tuple[str, str]]:
        """A description for people: messages, each with the value of its placeholder."""
        facts = [(NAMES[self.kind], "")]
        if self.kind != "docker":
            facts.append((N_("in {value}"), str(self.place)))
        if self.unit:
            facts.append((N_("started by systemd ({value})"), self.unit))
        if self.lxc:
            facts.append((N_("inside an LXC container"), ""))
        return facts

    @property
    def name(self) -> str:
        """The description in English."""
        return ", ".join(text.format(value=value) for text, value in self.facts)

    @property
    def start_command(self) -> str:
        """The command that starts the appliance when it does not run."""
        if self.kind == "docker":
            return "docker compose up -d"
        return self._service("start")[0] if self.unit else f"{self._program()} serve"

    @property
    def certificate_command(self) -> str:
        """The command that shows the certificate, with its fingerprints."""
        if self.kind == "docker":
            return "docker compose exec whisper-appliance whisper-appliance certificate"
        return f"{self._program()} certificate"

    def update_commands(self, version: str) -> tuple[str, ...]:
        """The commands that update to `version`, in order. They begin with a backup."""
        change: tuple[str, ...]
        match self.kind:
            case "git":
                change = (
                    f"cd {shlex.quote(str(self.place))}",
                    "git fetch --tags",
                    f"git checkout v{version}",
                    "./scripts/dev.sh setup",
                )
            case "docker":
                change = (*_new_image(version), "docker compose up -d --build")
            case "installer":
                there = f"# in a folder with the files of release {version}; it makes a backup first:"
                return (*self._snapshot(), there, "sudo bash install-container.sh install")
            case "venv" | "python":
                change = self._wheel(version)
        return (*self._snapshot(), self._backup(), *change, *self._service("restart"))

    def rollback_commands(self, version: str) -> tuple[str, ...]:
        """The commands that go back to `version` and restore the backup of before the update."""
        if self.kind == "docker":
            return (
                *_new_image(version),
                "docker compose down",
                "docker compose build",
                f"docker compose run --rm -T whisper-appliance restore - < {BACKUP}",
                "docker compose up -d",
            )
        if self.kind == "installer":
            return ("sudo bash install-container.sh rollback",)
        change = self._wheel(version)
        if self.kind == "git":
            change = (
                f"cd {shlex.quote(str(self.place))}",
                f"git checkout v{version}",
                "./scripts/dev.sh setup",
            )
        back = f"{self._program()} restore {BACKUP}"
        return (*self._service("stop"), *change, back, *self._service("start"))

    def _wheel(self, version: str) -> tuple[str, ...]:
        """No package index has the appliance, so the wheel is a file of its release."""
        wheel = f"./whisper_appliance-{version}-py3-none-any.whl"
        where = f"# in a folder with the files of release {version}:"
        if "pipx" in self.place.parts:
            return where, f"pipx install --force '{wheel}[offline-model]'"
        return where, f"{shlex.quote(self.python)} -m pip install '{wheel}'"

    def _snapshot(self) -> tuple[str, ...]:
        where = "# on the Proxmox host, where NUMBER is this container's:"
        return (where, "pct snapshot NUMBER before-update") if self.lxc else ()

    def _backup(self) -> str:
        if self.kind == "docker":
            return f"docker compose exec -T whisper-appliance whisper-appliance backup - > {BACKUP}"
        return f"{self._program()} backup {BACKUP}"

    def _program(self) -> str:
        """The program with the running appliance's DATA_DIR, which a terminal may not have set."""
        program = shlex.quote(str(Path(self.python).with_name("whisper-appliance")))
        return f"DATA_DIR={shlex.quote(str(self.data_dir))} {program}" if self.data_dir else program

    def _service(self, what: str) -> tuple[str, ...]:
        if self.kind == "docker":
            return ()
        return (f"systemctl {what} {self.unit}",) if self.unit else (f"# {what} the appliance",)


def _new_image(version: str) -> tuple[str, ...]:
    return (
        "# where compose.yaml is: set the image's tag to this version, or in a checkout",
        f"git fetch --tags && git checkout v{version}",
    )


def detect(
    *,
    root: Path = Path("/"),
    package: Path = Path(__file__).parent.parent,
    environment: Mapping[str, str] = os.environ,
    prefixes: tuple[str, str] = (sys.prefix, sys.base_prefix),
    python: str = sys.executable,
    data_dir: Path | None = None,
) -> Installation:
    """Detects the installation. `root` is the root of the file system."""
    lxc = _text(root / "run/systemd/container").strip() == "lxc"
    unit = _unit(root, environment)
    for folder in package.parents:
        if (folder / ".git").exists() and (folder / "pyproject.toml").is_file():
            return Installation("git", folder, python, unit, lxc, data_dir)
    if (root / ".dockerenv").exists() or (root / "run/.containerenv").exists():
        return Installation("docker", package, python, lxc=lxc, data_dir=data_dir)
    if (root / INSTALLER_FOLDER / "current").exists() and (root / INSTALLER_FOLDER) in package.parents:
        return Installation("installer", Path(prefixes[0]), python, unit, lxc, data_dir)
    kind: InstallationKind = "venv" if prefixes[0] != prefixes[1] else "python"
    return Installation(kind, Path(prefixes[0]), python, unit, lxc, data_dir)


def _unit(root: Path, environment: Mapping[str, str]) -> str:
    """The systemd unit of this process."""
    if "INVOCATION_ID" not in environment:
        return ""
    found = re.search(r"/([\w@.\\-]+\.service)$", _text(root / "proc/self/cgroup"), re.MULTILINE)
    return found[1] if found and not found[1].startswith("user@") else ""


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
