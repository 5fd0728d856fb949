"""The command line with real processes and real files."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.client import PASSWORD
from tests.support.databases import postgresql, ready
from tests.support.program import REAL, environment, run_command, served
from tests.support.wait import wait_until
from whisper_appliance import __version__
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.offline_accounts import opened_accounts
from whisper_appliance.config.settings import load
from whisper_appliance.core import seccomp
from whisper_appliance.jobs.workers import ThisWorker, WorkerRepository

pytestmark = pytest.mark.slow  # starts the real program

COMMANDS = ("serve", "transcribe", "models", "certificate", "doctor")


@pytest.fixture
def with_tiny(tmp_path: Path, tiny_en: Path) -> Path:
    """A folder whose MODEL_DIR has tiny.en."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/tiny.en").symlink_to(tiny_en)
    return tmp_path


def test_help_lists_every_command(tmp_path: Path) -> None:
    done = run_command(tmp_path, "--help")
    assert done.returncode == 0
    assert all(re.search(rf"^  {command} ", done.stdout, re.MULTILINE) for command in COMMANDS)


def test_help_loads_no_heavy_library() -> None:
    program = (
        "import sys; sys.argv = ['x', '--help']\n"
        "from whisper_appliance.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert not {'pydantic', 'flask', 'numpy', 'structlog', 'cryptography'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(tmp_path: Path, command: str) -> None:
    done = run_command(tmp_path, command, "--help")
    assert done.returncode == 0
    assert "Usage:" in done.stdout


def test_version_prints_the_version_of_the_package(tmp_path: Path) -> None:
    assert run_command(tmp_path, "--version").stdout.strip().endswith(__version__)


def test_a_wrong_option_prints_usage_and_exits_with_two(tmp_path: Path) -> None:
    done = run_command(tmp_path, "transcribe", "--colour")
    assert done.returncode == 2
    assert "No such option" in done.stderr


def test_a_bad_setting_prints_one_sentence_and_exits_with_two(tmp_path: Path) -> None:
    done = run_command(tmp_path, "doctor", MAX_UPLOAD_SIZE="plenty")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: Cannot start with these settings. MAX_UPLOAD_SIZE")
    assert done.stderr.count("\n") == 1


def test_a_recording_becomes_text_on_the_terminal(with_tiny: Path, beckett: Path) -> None:
    done = run_command(with_tiny, "transcribe", beckett, "--model", "tiny.en")
    assert done.returncode == 0, done.stderr
    assert "fail better" in done.stdout.lower()
    assert done.stderr == ""


def test_a_graphics_card_that_cannot_be_used_is_reported(with_tiny: Path, beckett: Path) -> None:
    settings = {"DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": ""}
    done = run_command(with_tiny, "transcribe", beckett, beckett, "-m", "tiny.en", "-o", "out", **settings)
    assert done.returncode == 0
    assert done.stderr.count("The GPU cannot be used") == 1


def test_a_user_s_model_writes_several_formats_into_a_folder(with_tiny: Path, beckett: Path) -> None:
    with opened_accounts(load(data_dir=with_tiny / "data")) as accounts:
        ada = accounts.users.create("Ada", PASSWORD, "member", by=SHELL)
        accounts.users.set_model(ada.id, "tiny.en")
    arguments = ["--user", "ada", "-f", "srt", "-f", "json", "-o", "out", "--language", "English"]
    done = run_command(with_tiny, "transcribe", beckett, *arguments)
    assert done.returncode == 0, done.stderr
    assert "-->" in (with_tiny / "out/beckett.srt").read_text()
    written = json.loads((with_tiny / "out/beckett.json").read_text())
    assert (written["language"], written["model"]) == ("en", "tiny.en")


def test_a_user_s_model_that_cannot_do_it_leaves_the_choice_to_the_appliance(
    with_tiny: Path, beckett: Path
) -> None:
    with opened_accounts(load(data_dir=with_tiny / "data")) as accounts:
        ada = accounts.users.create("Ada", PASSWORD, "member", by=SHELL)
        accounts.users.set_model(ada.id, "tiny.en")
    missing = {"WHISPER_MODEL": "medium", "MODEL_DOWNLOADS": "false", "HF_HUB_CACHE": f"{with_tiny}/hub"}
    done = run_command(with_tiny, "transcribe", beckett, "--user", "ada", "--language", "German", **missing)
    assert done.returncode == 1
    assert "medium" in done.stderr
    assert "tiny.en" not in done.stderr


def test_a_damaged_file_does_not_prevent_the_others(with_tiny: Path, beckett: Path) -> None:
    (with_tiny / "notes.wav").write_text("this is no sound")
    done = run_command(with_tiny, "transcribe", "notes.wav", beckett, "-m", "tiny.en", "-o", "out")
    assert done.returncode == 1
    assert done.stderr.startswith("notes.wav: ")
    assert (with_tiny / "out/beckett.txt").exists()
    assert not (with_tiny / "out/notes.txt").exists()


def test_several_results_need_a_folder(tmp_path: Path, beckett: Path) -> None:
    done = run_command(tmp_path, "transcribe", beckett, "-f", "srt", "-f", "vtt")
    assert done.returncode == 2
    assert "--output-dir" in done.stderr


def test_an_unknown_model_prints_one_sentence(tmp_path: Path, beckett: Path) -> None:
    done = run_command(tmp_path, "transcribe", beckett, "-m", "enormous")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "enormous" in done.stderr
    assert done.stderr.count("\n") == 1


def test_ctrl_c_exits_with_130_and_leaves_no_process(with_tiny: Path, cities: Path, tmp_path: Path) -> None:
    many = [str(cities)] * 20
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "whisper_appliance",
            "transcribe",
            *many,
            "-m",
            "tiny.en",
            "-o",
            str(tmp_path),
        ],
        env=environment(with_tiny),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Because a shell starts background processes with SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    children = wait_until(lambda: psutil.Process(process.pid).children(recursive=True))
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert psutil.wait_procs(children, timeout=10)[1] == []


def test_a_terminal_shows_a_progress_bar(with_tiny: Path, beckett: Path) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "whisper_appliance", "transcribe", str(beckett), "-m", "tiny.en"],
        env=environment(with_tiny, TERM="xterm"), stdout=subprocess.DEVNULL, stderr=follower,
    )  # fmt: skip
    os.close(follower)
    assert process.wait(120) == 0
    assert b"100%" in os.read(leader, 100_000)
    os.close(leader)


def test_models_list_shows_installed_models_and_their_needs(with_tiny: Path) -> None:
    done = run_command(with_tiny, "models", "list")
    assert done.returncode == 0
    assert re.search(r"^tiny\.en +yes \(folder\) ", done.stdout, re.MULTILINE)
    assert re.search(r"^large-v3 .*GB", done.stdout, re.MULTILINE)


def test_a_model_is_imported_verified_and_removed(tmp_path: Path, tiny_en: Path) -> None:
    assert run_command(tmp_path, "models", "import", tiny_en, "mine").returncode == 0
    assert (tmp_path / "models/mine/model.bin").exists()
    assert "mine: good" in run_command(tmp_path, "models", "verify", "mine").stdout
    assert run_command(tmp_path, "models", "remove", "mine", "--yes").returncode == 0
    assert not (tmp_path / "models/mine").exists()


def test_a_damaged_model_fails_verification(tmp_path: Path, tiny_en: Path) -> None:
    run_command(tmp_path, "models", "import", tiny_en, "mine")
    weights = tmp_path / "models/mine/model.bin"
    content = bytearray(weights.read_bytes())
    content[1_000_000] ^= 1
    weights.unlink()
    weights.write_bytes(content)
    done = run_command(tmp_path, "models", "verify", "mine")
    assert done.returncode == 1
    assert done.stderr.startswith("mine: ")


def test_pull_is_refused_if_downloads_are_not_allowed(tmp_path: Path) -> None:
    done = run_command(tmp_path, "models", "pull", "small", MODEL_DOWNLOADS="false")
    assert done.returncode == 1
    assert "MODEL_DOWNLOADS" in done.stderr


def test_the_certificate_is_shown_renewed_and_its_ca_exported(tmp_path: Path) -> None:
    first = run_command(tmp_path, "certificate").stdout
    assert "localhost" in first
    assert run_command(tmp_path, "certificate", "--renew").stdout != first
    assert run_command(tmp_path, "certificate", "--ca-out", "ca.crt").returncode == 0
    assert (tmp_path / "ca.crt").read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE" not in (tmp_path / "ca.crt").read_text()


def test_doctor_reports_no_problem_on_a_good_machine(with_tiny: Path) -> None:
    done = run_command(with_tiny, "doctor", WHISPER_MODEL="tiny.en", REDIS_URL="redis://me:hidden@host/0")
    assert done.returncode == 0, done.stdout
    assert re.search(r"^ok +engine: +onnxruntime", done.stdout, re.MULTILINE)
    assert re.search(r"^REDIS_URL +\*+ +environment", done.stdout, re.MULTILINE)
    assert "hidden" not in done.stdout
    assert re.search(r"^(ok|note) +engine: +network: ", done.stdout, re.MULTILINE)


def test_doctor_names_the_layers_that_hold_where_the_kernel_has_no_landlock(with_tiny: Path) -> None:
    if not seccomp.is_available():
        pytest.skip("libseccomp, which takes Landlock away for this test, is not installed")
    done = run_command(
        with_tiny, "doctor", program="tests.support.programs.without_landlock", WHISPER_MODEL="tiny.en"
    )
    assert done.returncode == 0, done.stdout
    for process in ("decoder", "engine"):
        line = rf"^note +{process}: +network: .*files: readable ones; calls: filtered; capabilities: dropped"
        assert re.search(line, done.stdout, re.MULTILINE), done.stdout
    assert "the other layers hold" in done.stdout


def test_doctor_reports_an_unreachable_database_and_an_unmounted_folder(
    with_tiny: Path,
) -> None:
    away = {"DATABASE_URL": "postgresql+psycopg://me:hidden@127.0.0.1:1/db", "STORAGE_URL": "/not/mounted"}
    done = run_command(with_tiny, "doctor", WHISPER_MODEL="tiny.en", **away)
    assert done.returncode == 1
    assert re.search(r"^broken +database: +The database does not answer", done.stdout, re.MULTILINE)
    assert re.search(r"^broken +storage: +/not/mounted does not exist; mount it", done.stdout, re.MULTILINE)
    assert "hidden" not in done.stdout


def test_doctor_lists_the_workers_of_a_database(with_tiny: Path) -> None:
    with postgresql() as url, ready(url) as database:
        WorkerRepository(database).register(ThisWorker("0" * 16, "0" * 16, "attic", "0.1.0"))
        done = run_command(with_tiny, "doctor", WHISPER_MODEL="tiny.en", DATABASE_URL=url)
    assert done.returncode == 0, done.stdout
    told = r"^ok +database: +attic: appliance 0.1.0, 0 jobs running, 0 waiting"
    assert re.search(told, done.stdout, re.MULTILINE), done.stdout


def test_doctor_reports_a_missing_model_with_a_remedy(tmp_path: Path) -> None:
    done = run_command(tmp_path, "doctor", WHISPER_MODEL="medium", HF_HUB_CACHE=f"{tmp_path}/hub")
    assert done.returncode == 1
    assert re.search(r"^broken +model: .*models pull medium", done.stdout, re.MULTILINE)


def test_health_shows_whether_the_appliance_answers(tmp_path: Path) -> None:
    with served(tmp_path, REAL, MODEL_DOWNLOADS="false", WHISPER_MODEL="small.en") as server:
        answered = run_command(tmp_path, "health", HTTPS_PORT=str(server.port))
        strict = run_command(tmp_path, "health", "--strict", HTTPS_PORT=str(server.port))
    assert (answered.returncode, answered.stdout.split("\n")[0]) == (0, "degraded")
    assert strict.returncode == 1
    gone = run_command(tmp_path, "health", HTTPS_PORT=str(server.port))
    assert gone.returncode == 1
    assert "Nothing answers" in gone.stderr


def test_doctor_answers_json_with_a_verdict(tmp_path: Path) -> None:
    found = run_command(tmp_path, "doctor", "--no-engine", "--json", WHISPER_MODEL="small.en")
    report = json.loads(found.stdout)
    assert found.returncode == 1
    assert report["verdict"] == "broken", "the model is not here"
    checks = {check["check"]: check for check in report["checks"]}
    assert checks["model"]["verdict"] == "broken"
    assert {"version", "machine", "clock", "name", "data", "port", "certificate", "decoder"} <= set(checks)


def test_doctor_answers_json_where_a_setting_cannot_be_used(tmp_path: Path) -> None:
    found = run_command(tmp_path, "doctor", "--json", MAX_UPLOAD_SIZE="plenty")
    report = json.loads(found.stdout)
    assert (found.returncode, report["verdict"]) == (1, "broken")
    assert "MAX_UPLOAD_SIZE" in report["checks"][0]["text"]


def test_a_user_without_a_home_gets_one_sentence(tmp_path: Path) -> None:
    refused = run_command(tmp_path, "serve", DATA_DIR="~nobody-of-this-name/data")
    assert refused.returncode == 2
    assert "has no home folder for ~nobody-of-this-name/data" in refused.stderr
    assert "Traceback" not in refused.stderr
