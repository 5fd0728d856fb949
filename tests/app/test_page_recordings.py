"""The recording of a page is found by yt-dlp, in a process that connects to nothing but what is allowed."""

import json
import socket
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engines import attempts
from tests.support.file_server import FileServer, file_server
from whisper_appliance.app.remote.page import ANSWER_BYTES, PageAnswer, PageJob, fetch_from_page, read_answer
from whisper_appliance.app.remote.recordings import RemoteRecordings
from whisper_appliance.config import settings
from whisper_appliance.core import sandbox, seccomp
from whisper_appliance.core.errors import InvalidRequest, TooLarge

PAGE = b"<html><title>Talk 1</title><body><audio src='/talk.wav'></audio></body></html>"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileServer]:
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(64_000))
    with file_server() as server:
        server.files["/talk.wav"] = ("audio/wav", path.read_bytes())
        server.files["/page"] = ("text/html; charset=utf-8", PAGE)
        server.files["/empty"] = ("text/html", b"<html><title>Nothing</title></html>")
        yield server


def recordings(**given: object) -> RemoteRecordings:
    given = {"url_imports": True, "url_imports_private": True, "min_free_disk": 0} | given
    return RemoteRecordings(lambda: settings.load(**given))


def test_the_recording_of_a_page_is_fetched(server: FileServer, tmp_path: Path) -> None:
    assert recordings().inspect(server.url("/page")).feed is None
    fetched = recordings().fetch(server.url("/page"), tmp_path / "100%")
    assert (fetched.name[:6], fetched.name[-4:]) == ("Talk 1", ".wav")
    assert (tmp_path / "100%").read_bytes() == server.files["/talk.wav"][1]
    assert [path.name for path in tmp_path.iterdir()] == ["100%"]


def test_a_recording_in_parts_is_fetched(server: FileServer, tmp_path: Path) -> None:
    parts = [b"\x00" * 10_000, b"\x01" * 10_000]
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n"
    for number, part in enumerate(parts):
        server.files[f"/part{number}.aac"] = ("audio/aac", part)
        playlist += f"#EXTINF:9,\npart{number}.aac\n"
    playlist += "#EXT-X-ENDLIST\n"
    server.files["/talk.m3u8"] = ("application/vnd.apple.mpegurl", playlist.encode())
    page = b"<html><title>Talk 2</title><audio src='/talk.m3u8'></audio></html>"
    server.files["/parts"] = ("text/html", page)
    recordings().fetch(server.url("/parts"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"".join(parts)


def test_a_page_without_a_recording_and_one_that_is_too_large_are_refused(
    server: FileServer, tmp_path: Path
) -> None:
    with pytest.raises(InvalidRequest, match="No recording"):
        recordings().fetch(server.url("/empty"), tmp_path / "file")
    with pytest.raises(TooLarge):
        recordings(max_upload_size=2**15).fetch(server.url("/page"), tmp_path / "file")


def test_a_page_leads_into_no_private_network(server: FileServer, tmp_path: Path) -> None:
    requested = list(server.requested)
    job = PageJob(server.url("/page"), str(tmp_path / "file"), private=False, max_bytes=2**20, seconds=60)
    with pytest.raises(InvalidRequest, match="private network"):
        fetch_from_page(job)
    assert server.requested == requested


GUARDED = """
import json, os, socket, subprocess, sys
from whisper_appliance.app.remote.page_process import Guard
sys.addaudithook(Guard(private=False))
def refused(call):
    try:
        call()
    except PermissionError:
        return True
    except OSError:
        pass
    return False
port = int(sys.argv[1])
inet6, unix = socket.socket(socket.AF_INET6), socket.socket(socket.AF_UNIX)
print(json.dumps([
    refused(lambda: socket.create_connection(("127.0.0.1", port))),
    refused(lambda: socket.create_connection(("localhost", port))),
    refused(lambda: socket.socket().connect(("localhost", port))),
    refused(lambda: socket.socket().connect_ex(("10.0.0.1", port))),
    refused(lambda: inet6.connect(("::ffff:127.0.0.1", port))),
    refused(lambda: unix.connect("/run/docker.sock")),
    refused(lambda: subprocess.run(["true"])),
    refused(lambda: os.system("true")),
    refused(lambda: os.fork()),
]))
"""


def test_the_process_connects_to_nothing_private_and_starts_no_program() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        program = [sys.executable, "-c", GUARDED, str(listening.getsockname()[1])]
        found = subprocess.run(program, capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == [True] * 9


CONFESSION = """
import json, resource, socket, ssl, sys
from pathlib import Path
from tests.support.engines import attempts, succeeds
from whisper_appliance.app.remote.page_process import drop_privileges
port, target, secret = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
roots = ssl.create_default_context().cert_store_stats()
drop_privileges({"target": str(target), "max_bytes": 2**20, "seconds": 60})
target.write_text("recording")
print(json.dumps({
    "done": [name for name, attempt in attempts(secret).items() if succeeds(attempt)],
    "reached": succeeds(lambda: socket.create_connection(("localhost", port), 10).close()),
    "has roots": ssl.create_default_context().cert_store_stats() == roots,
    "reads /proc": succeeds(lambda: Path("/proc/self/environ").read_text()),
    "lists": succeeds(lambda: list(secret.parent.iterdir())),
}))
"""


def test_the_process_reads_and_writes_nothing_of_the_appliance(tmp_path: Path) -> None:
    if not (sandbox.landlock_version() and seccomp.is_available()):
        pytest.skip("this machine has no Landlock, or no libseccomp")
    (secret := tmp_path / "secret.key").write_text("secret")
    (folder := tmp_path / "download.part").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
        program = [sys.executable, "-c", CONFESSION, port, str(folder / "recording"), str(secret)]
        found = subprocess.run(program, capture_output=True, text=True, check=True, cwd=Path.cwd())
    said = json.loads(found.stdout)
    needed = {"udp", "netlink"}  # for the resolver of names
    assert set(said.pop("done")) == needed
    assert needed < set(attempts(secret))
    assert said == {"reached": True, "has roots": True, "reads /proc": False, "lists": False}
    assert (folder / "recording").read_text() == "recording"
    assert secret.read_text() == "secret"


@pytest.mark.parametrize(
    "written", [b"", b"[" * ANSWER_BYTES, b"[]", b"3", b'{"name"', b"\xff", b'{"other": 1}', b'"name"']
)
def test_an_answer_that_is_none_is_an_error(written: bytes) -> None:
    assert read_answer(written) == PageAnswer(name="", error="none")
