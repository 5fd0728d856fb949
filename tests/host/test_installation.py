"""The installation is detected, and with it the commands for an update."""

import subprocess
import sys
from pathlib import Path

import pytest

from whisper_appliance.host.installation import Installation, detect

PLAIN = ("/usr", "/usr")


def test_a_git_checkout_is_detected() -> None:
    found = detect()
    if (Path(__file__).parents[2] / ".git").exists():
        assert found.kind == "git"
        assert found.place == Path(__file__).parents[2]
        assert found.python == sys.executable


def machine(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        path = tmp_path / name.replace("__", "/").replace("_DOT_", ".").replace("_DASH_", "-")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def found_on(root: Path, **how: object) -> Installation:
    package = root / "opt/lib/python3.12/site-packages/whisper_appliance"
    usual = {
        "root": root,
        "package": package,
        "environment": {},
        "prefixes": PLAIN,
        "python": "/opt/bin/python",
    }
    return detect(**{**usual, **how})  # type: ignore[arg-type] # the two dicts together fit


def test_a_container_is_updated_by_its_image(tmp_path: Path) -> None:
    found = found_on(machine(tmp_path, _DOT_dockerenv=""))
    assert found.kind == "docker"
    assert found.update_commands("0.2.0")[-1] == "docker compose up -d --build"
    back = found.rollback_commands("0.1.0")
    build = back.index("docker compose build")
    assert "restore" in back[build + 1], "by the old program, not by the new one"


def test_an_environment_is_updated_by_the_wheel_of_a_release(tmp_path: Path) -> None:
    found = found_on(tmp_path, prefixes=("/opt", "/usr"))
    assert found.kind == "venv"
    wheel = "./whisper_appliance-0.2.0-py3-none-any.whl"
    assert f"/opt/bin/python -m pip install '{wheel}'" in found.update_commands("0.2.0")
    assert found_on(tmp_path).kind == "python"
    by_pipx = found_on(tmp_path, prefixes=("/srv/pipx/venvs/whisper-appliance", "/usr"))
    assert f"pipx install --force '{wheel}[offline-model]'" in by_pipx.update_commands("0.2.0")


def test_what_the_installer_installed_is_updated_by_it(tmp_path: Path) -> None:
    root = machine(tmp_path, opt__whisper_DASH_appliance__current="")
    package = root / "opt/whisper-appliance/0.1.0/lib/python3.11/site-packages/whisper_appliance"
    found = found_on(root, package=package, prefixes=("/opt/whisper-appliance/0.1.0", "/usr"))
    assert found.kind == "installer"
    assert found.update_commands("0.2.0")[-1] == "sudo bash install-container.sh install"
    assert found.rollback_commands("0.1.0") == ("sudo bash install-container.sh rollback",)
    assert found_on(root, prefixes=("/opt", "/usr")).kind == "venv"


def test_a_service_is_restarted_by_its_name(tmp_path: Path) -> None:
    root = machine(tmp_path, proc__self__cgroup="0::/system.slice/whisper-appliance.service\n")
    found = found_on(root, environment={"INVOCATION_ID": "1"})
    assert found.update_commands("0.2.0")[-1] == "systemctl restart whisper-appliance.service"
    assert found.rollback_commands("0.1.0")[0] == "systemctl stop whisper-appliance.service"
    assert found_on(root).unit == ""


def test_an_lxc_container_is_saved_whole_first(tmp_path: Path) -> None:
    found = found_on(machine(tmp_path, run__systemd__container="lxc\n"))
    assert found.lxc
    assert found.update_commands("0.2.0")[1].startswith("pct snapshot")


@pytest.mark.parametrize("kind", ["git", "venv", "python", "docker"])
def test_every_update_begins_with_a_backup_and_every_rollback_restores_it(kind: str) -> None:
    place, python = Path("/srv/my appliance"), "/srv/my appliance/.venv/bin/python"
    there = Installation(kind, place, python, data_dir=Path("/var/lib/my data"))  # type: ignore[arg-type] # one of them
    update, rollback = there.update_commands("0.2.0"), there.rollback_commands("0.1.0")
    assert "backup" in update[0]
    assert any("restore" in command for command in rollback)
    script = "\n".join((*update, *rollback))
    if kind != "docker":
        assert (
            "DATA_DIR='/var/lib/my data' '/srv/my appliance/.venv/bin/whisper-appliance' backup ~/" in script
        )
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
