"""Builds a release into a folder: wheel, sdist, lock file, SBOM, notes, feed of releases, checksums."""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

from whisper_appliance import __version__
from whisper_appliance.host.releases import MAX_BYTES, MAX_CHARACTERS, MAX_RELEASES, Release, read_feed

ROOT = Path(__file__).resolve().parent.parent
ENTRY = re.compile(r"^## \[(?P<version>[^\]]+)\] - (?P<date>\S+)\n(?P<notes>.*?)(?=^## \[|\Z)", re.M | re.S)
UNDATED = "unreleased"
SCRIPTS = ("deploy/install-container.sh", "scripts/proxmox-standalone.sh", "scripts/debug-container.sh")
OTHERS = (
    "install-container.sh",
    "proxmox-standalone.sh",
    "debug-container.sh",
    "requirements.txt",
    "sbom.cdx.json",
    "NOTES.md",
    "releases.json",
)


def build(folder: Path, *, page: str, draft: bool, tag: str = "") -> list[Path]:
    """Builds everything; returns the files, the checksums last. Raises `SystemExit` with a reason."""
    if tag not in ("", f"v{__version__}"):
        raise SystemExit(f"The tag is {tag}, but the package is {__version__}.")
    releases = entries((ROOT / "CHANGELOG.md").read_text(), page, today=date.today() if draft else None)
    newest = releases[0]
    if newest.version != __version__:
        raise SystemExit(f"CHANGELOG.md begins with {newest.version}, but the package is {__version__}.")
    if not newest.date:
        raise SystemExit("Date the top entry of CHANGELOG.md first, or try it with --draft.")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("whisper_appliance-*"):
        old.unlink()
    _run("hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", str(folder))
    for name in ("requirements.txt", *SCRIPTS):
        shutil.copy(ROOT / name, folder)
    _bill_of_materials(folder / "sbom.cdx.json")
    (folder / "NOTES.md").write_text(newest.notes)
    (folder / "releases.json").write_text(feed(releases))
    files = [*sorted(folder.glob("whisper_appliance-*")), *(folder / name for name in OTHERS)]
    (folder / "SHA256SUMS").write_text(_checksums(files))
    return [*files, folder / "SHA256SUMS"]


def entries(changelog: str, page: str, *, today: date | None) -> list[Release]:
    """The releases of a changelog, newest first; `today` dates the one that is not released yet."""
    undated = today.isoformat() if today else ""
    return [
        Release(
            found["version"],
            undated if found["date"] == UNDATED else found["date"],
            found["notes"].strip() + "\n",
            page.format(version=found["version"]),
        )
        for found in ENTRY.finditer(changelog)
    ]


def feed(releases: list[Release]) -> str:
    """The feed that `UPDATE_FEED_URL` names, as small as the update check reads it: the oldest drop out."""
    listed = [
        {"version": each.version, "date": each.date, "notes": each.notes[:MAX_CHARACTERS], "url": each.url}
        for each in releases[:MAX_RELEASES]
    ]
    while len(text := json.dumps({"releases": listed}, indent=2, ensure_ascii=False) + "\n") > MAX_BYTES // 2:
        listed.pop()
    if read_feed(text.encode())[0].version != releases[0].version:
        raise SystemExit("The update check would not read the feed as it was written.")
    return text


def _bill_of_materials(file: Path) -> None:
    """What a locked installation contains, as CycloneDX."""
    _run(
        "cyclonedx_py", "requirements", str(ROOT / "requirements.txt"),
        "--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible", "--of", "JSON", "-o", str(file),
    )  # fmt: skip


def _checksums(files: list[Path]) -> str:
    """As sha256sum writes them."""
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def _run(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, check=True, stdout=sys.stderr)


def main() -> None:
    """Reads the command line and prints the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "dist", help="where the files go (dist)")
    parser.add_argument("--page", default="", metavar="URL", help="page of a release, with {version} in it")
    parser.add_argument("--tag", default="", metavar="NAME", help="the tag it is for, v and the version")
    parser.add_argument("--draft", action="store_true", help="date the top entry of the changelog today")
    given = parser.parse_args()
    for path in build(given.folder, page=given.page, draft=given.draft, tag=given.tag):
        print(path)


if __name__ == "__main__":
    main()
