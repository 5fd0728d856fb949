"""A release: its files agree with each other, and the wheel alone serves the pages."""

import hashlib
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
import venv
import zipfile
from datetime import date
from pathlib import Path

import pytest

from tests.support.program import ANY_CERTIFICATE, ROOT, served
from whisper_appliance import __version__
from whisper_appliance.host.releases import read_feed

pytestmark = pytest.mark.slow  # builds a wheel and an sdist, and starts the program


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release that was built as `dev.sh release --draft` builds it."""
    folder = tmp_path_factory.mktemp("dist")
    page = "https://example.org/releases/{version}"
    built("--draft", "--folder", str(folder), "--page", page)
    return folder


def built(*arguments: str) -> str:
    program = [sys.executable, "scripts/release.py", *arguments]
    return subprocess.run(program, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def wheel(release: Path) -> Path:
    return release / f"whisper_appliance-{__version__}-py3-none-any.whl"


def test_the_checksums_name_every_file(release: Path) -> None:
    lines = (line.split("  ") for line in (release / "SHA256SUMS").read_text().splitlines())
    sums = {name: checksum for checksum, name in lines}
    files = {path.name: path for path in release.iterdir() if path.name != "SHA256SUMS"}
    assert sums == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    assert f"whisper_appliance-{__version__}.tar.gz" in files


def test_the_update_check_reads_the_feed(release: Path) -> None:
    newest = read_feed((release / "releases.json").read_bytes())[0]
    assert newest.version == __version__
    assert date.fromisoformat(newest.date)
    assert newest.url == f"https://example.org/releases/{__version__}"
    assert newest.notes == (release / "NOTES.md").read_text()


def test_the_bill_of_materials_lists_what_is_locked(release: Path) -> None:
    bill = json.loads((release / "sbom.cdx.json").read_text())
    listed = {component["name"].lower(): component["version"] for component in bill["components"]}
    locked = re.findall(r"^([\w.-]+)==(\S+)", (release / "requirements.txt").read_text(), re.MULTILINE)
    assert listed == {name.lower(): version for name, version in locked}


def test_the_wheel_holds_what_the_pages_need(release: Path) -> None:
    names = set(zipfile.ZipFile(wheel(release)).namelist())
    static = "whisper_appliance/pages/static"
    assert {f"{static}/vendor/icons.svg", f"{static}/vendor/pico.min.css", f"{static}/locales/de.js"} <= names
    assert "whisper_appliance/locales/de/LC_MESSAGES/messages.mo" in names
    assert not [name for name in names if name.startswith(("tests", "benchmarks"))]


@pytest.fixture(scope="module")
def program(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of the wheel in an environment of its own; its dependencies are those of this one."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    python = folder / "bin/python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--no-index", str(wheel(release))], check=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    # a path that a .pth file adds is not searched for .pth files: the editable install stays out
    dependencies = next(path for path in sys.path if "site-packages" in path)
    (packages / "dependencies.pth").write_text(dependencies + "\n")
    return folder / "bin/whisper-appliance"


def test_the_installed_wheel_serves_its_pages_in_two_languages(program: Path, tmp_path: Path) -> None:
    run = ("-c", f"import os; os.execv({str(program)!r}, ['whisper-appliance', 'serve'])")
    with served(tmp_path, run, PYTHONPATH="", MODEL_DOWNLOADS="false") as server:
        german = urllib.request.Request(server.url + "/", headers={"Accept-Language": "de"})
        with urllib.request.urlopen(german, context=ANY_CERTIFICATE, timeout=20) as answer:
            page = answer.read().decode()
        assert 'lang="de"' in page
        assert "Anmelden" in page
        addresses = set(re.findall(r'(?:src|href)="(/[^"#]*static/[^"#]+)', page))
        assert addresses
        assert {each: status(server.url + each) for each in addresses} == dict.fromkeys(addresses, 200)


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, context=ANY_CERTIFICATE, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_release_is_refused_for_the_tag_of_another_version() -> None:
    refused = subprocess.run(
        [sys.executable, "scripts/release.py", "--draft", "--tag", "v9.9.9"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert f"The tag is v9.9.9, but the package is {__version__}." in refused.stderr


def test_a_release_is_refused_while_its_entry_has_no_date() -> None:
    if "## [" + __version__ + "] - unreleased" not in (ROOT / "CHANGELOG.md").read_text():
        pytest.skip("the top entry of the changelog has its date")
    refused = subprocess.run(
        [sys.executable, "scripts/release.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert "Date the top entry of CHANGELOG.md first" in refused.stderr
