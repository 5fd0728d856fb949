"""The installer in a Debian made by debootstrap and booted by systemd-nspawn; by choice, and as root."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.program import ROOT, free_port
from tests.support.shell_stand_ins import Finished
from tests.support.wait import wait_until

NEEDED = ("debootstrap", "systemd-nspawn", "nsenter")
PACKAGES = "systemd,systemd-sysv,dbus,python3,python3-venv,ca-certificates"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        os.environ.get("REAL_ROOT") != "1", reason="REAL_ROOT=1 makes a Debian (minutes, 2 GB)"
    ),
]


@dataclass(frozen=True)
class Machine:
    """A Debian that runs systemd; `leader` is its first process."""

    root: Path
    leader: int

    def run(self, *command: str) -> Finished:
        """Runs a command in it, as root."""
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"]
        return subprocess.run(
            ["nsenter", "-t", str(self.leader), "-a", *clean, *command],
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )


def leader_of(nspawn: int) -> int | None:
    """The first process of the machine, a child of nspawn beside those that prepare it."""
    for child in Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split():
        name = Path(f"/proc/{child}/comm")
        if name.exists() and name.read_text() == "systemd\n":
            return int(child)
    return None


@pytest.fixture
def machine() -> Iterator[Machine]:
    """Debian 12 with the network of this machine, and what this machine trusts, as a proxy of its network."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing or os.getuid() != 0:
        pytest.skip(f"needs root and {', '.join(NEEDED)}")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # not in memory
        root = Path(folder) / "root"
        made = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root)]
        subprocess.run(made, check=True, capture_output=True)
        trusted = "etc/ssl/certs/ca-certificates.crt"
        shutil.copyfile(f"/{trusted}", root / trusted)
        (root / "etc/pip.conf").write_text(f"[global]\ncert = /{trusted}\n")
        nspawn = ["systemd-nspawn", "-q", "--register=no", "--keep-unit", "--resolv-conf=copy-host", "-b"]
        with subprocess.Popen(
            [*nspawn, "-D", str(root)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ) as booted:
            try:
                machine = Machine(root, wait_until(lambda: leader_of(booted.pid)))
                states = "running\n", "degraded\n"
                wait_until(lambda: machine.run("systemctl", "is-system-running").stdout in states, 300)
                yield machine
            finally:
                booted.terminate()  # a clean end of the machine


def test_the_installer_installs_twice_and_uninstalls_on_a_debian(machine: Machine) -> None:
    release = machine.root / "opt/release"
    build = [sys.executable, "scripts/release.py", "--draft", "--folder", str(release)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    settings = machine.root / "etc/whisper-appliance/appliance.env"
    settings.parent.mkdir()
    settings.write_text(f"; as systemd reads it\n HTTPS_PORT = {free_port()} \n")
    script = "/opt/release/install-container.sh"
    for _ in range(2):
        done = machine.run("bash", script, "install")
        assert done.returncode == 0, done.stderr
    assert "Installing" not in done.stderr
    assert "ok" in machine.run("bash", script, "status").stdout.splitlines()
    assert machine.run("systemctl", "is-active", "whisper-appliance").stdout == "active\n"
    assert "Verdict: nothing is wrong here." in machine.run("bash", "/opt/release/debug-container.sh").stdout
    done = machine.run("bash", script, "uninstall")
    assert done.returncode == 0, done.stderr
    assert machine.run("systemctl", "is-active", "whisper-appliance").stdout == "inactive\n"
    assert (machine.root / "var/lib/whisper-appliance/secret.key").exists()
