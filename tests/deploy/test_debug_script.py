"""debug-container.sh: a verdict with what to do, also where the program is missing."""

import json
from pathlib import Path

import pytest

from tests.support.program import ROOT
from tests.support.shell_stand_ins import StandIns

SCRIPT = ROOT / "scripts/debug-container.sh"
PROGRAM = """
case "$1" in
  health) exit {health} ;;
  doctor) [ "$3" != --json ] || echo '{{"verdict": "ok", "checks": []}}' ;;
esac
"""


@pytest.fixture
def system(tmp_path: Path) -> StandIns:
    """A container in which the service runs and the pages answer."""
    found = StandIns(tmp_path)
    found.add("systemctl", "echo active")
    found.add("journalctl", "echo the last line, https://box:5001/setup?token=s3cret")
    found.add("getent", exits=0)
    found.add("uname", "echo x86_64")
    found.add("df", "printf 'head\\nx 1 1 50000\\n'")
    found.add("runuser", 'shift 3; exec "$@"')
    found.add("whisper-appliance", PROGRAM.format(health=0))
    (tmp_path / "cpuinfo").write_text("flags\t: fpu avx avx2\n")
    return found


def variables(system: StandIns) -> dict[str, str]:
    folder = str(system.folder)
    return {"PREFIX": folder, "RUNNING_SYSTEMD": folder, "CPUINFO": f"{folder}/cpuinfo"}


def test_a_healthy_container_has_no_problems(system: StandIns) -> None:
    done = system.run(SCRIPT, variables=variables(system))
    assert done.returncode == 0, done.stdout
    assert "Verdict: nothing is wrong here." in done.stdout
    assert "the last line" in done.stdout
    assert "s3cret" not in done.stdout


def test_settings_are_in_the_environment_and_in_no_arguments(system: StandIns) -> None:
    """Every user of the machine reads the arguments of a program with ps."""
    (system.folder / "etc/whisper-appliance").mkdir(parents=True)
    settings = '; a comment\n \tOIDC_CLIENT_SECRET = "s3 cret" \nnot a name=1\nNAME=x\n'
    (system.folder / "etc/whisper-appliance/appliance.env").write_text(settings)
    seen = system.folder / "environment"
    system.add("whisper-appliance", f"/usr/bin/env >{seen}\n" + PROGRAM.format(health=0))
    system.add("id", "echo 0")
    system.add("env", 'exec /usr/bin/env "$@"')
    assert system.run(SCRIPT, variables=variables(system)).returncode == 0
    assert any(call.startswith("runuser -u whisper-appliance -- ") for call in system.calls)
    assert "s3 cret" not in "".join(system.calls)
    assert "OIDC_CLIENT_SECRET=s3 cret\n" in seen.read_text()
    assert f"HOME={system.folder}/var/lib/whisper-appliance\n" in seen.read_text()


def test_each_problem_has_what_to_do(system: StandIns) -> None:
    system.add("systemctl", "echo failed")
    system.add("whisper-appliance", PROGRAM.format(health=1))
    system.add("df", "printf 'head\\nx 1 1 20\\n'")
    (system.folder / "cpuinfo").write_text("flags\t: fpu sse4_2\n")
    done = system.run(SCRIPT, variables=variables(system))
    assert done.returncode == 1
    assert done.stdout.count("broken  ") == done.stdout.count("To do:") == 4
    assert "4 problems" in done.stdout
    assert "processor type to host" in done.stdout


def test_a_missing_program_is_named_in_both_forms(system: StandIns) -> None:
    (system.folder / "bin/whisper-appliance").unlink()
    assert "not installed" in system.run(SCRIPT, variables=variables(system)).stdout
    report = json.loads(system.run(SCRIPT, "--json", variables=variables(system)).stdout)
    assert report["verdict"] == "broken"


def test_the_script_prints_the_json_of_doctor(system: StandIns) -> None:
    done = system.run(SCRIPT, "--json", variables=variables(system))
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (0, "ok")


def test_a_program_that_does_not_start_is_named_in_both_forms(system: StandIns) -> None:
    system.add(
        "whisper-appliance",
        "echo Traceback >&2; echo \"ModuleNotFoundError: No module named 'flask'\" >&2",
        exits=1,
    )
    done = system.run(SCRIPT, variables=variables(system))
    assert done.returncode == 1
    assert "the program does not start: ModuleNotFoundError: No module named 'flask'" in done.stdout
    assert "Traceback" not in done.stdout
    report = json.loads(system.run(SCRIPT, "--json", variables=variables(system)).stdout)
    assert report["checks"][0]["advice"] == "install-container.sh install"
