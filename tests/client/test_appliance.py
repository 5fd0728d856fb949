"""The client for programs transcribes, follows jobs, edits and streams speech, over TLS it has checked."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.live_client import LIVE_SERVER, settings_of
from tests.support.program import ROOT, Server, environment, served
from tests.support.speech import packets, silence, spoken
from whisper_appliance.client import Appliance, AsyncAppliance, LiveEnd, Progress
from whisper_appliance.config import settings
from whisper_appliance.core.errors import (
    InvalidRequest,
    NotFound,
    PreconditionFailed,
    SignInRequired,
    Unavailable,
)
from whisper_appliance.host.certificates import Certificates

pytestmark = pytest.mark.slow  # starts the real program

SPEECH = spoken(1, 8) + silence(1)
COMMAND = (sys.executable, "-m", "whisper_appliance", "transcribe")
WORDS = "w1 w2 w3 w4 w5 w6 w7"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("client")
    with served(folder, LIVE_SERVER, **settings_of(tiny_en, folder)) as running:
        yield running


@pytest.fixture(scope="module")
def fingerprint(server: Server) -> str:
    """As `whisper-appliance certificate` shows it."""
    chosen = settings.load(data_dir=server.data_dir)
    found = Certificates.from_settings(lambda: chosen).info().authority_fingerprint
    assert found
    return found


@pytest.fixture
def client(server: Server, fingerprint: str) -> Iterator[Appliance]:
    with Appliance(server.url, ca_fingerprint=fingerprint) as opened:
        yield opened


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    file = tmp_path / "talk.wav"
    file.write_text("one two three")
    return file


def test_a_file_becomes_a_transcript(client: Appliance, talk: Path) -> None:
    transcript = client.transcribe(talk, language="en", word_timestamps=True)
    assert (transcript.text, transcript.title) == ("one two three", "talk")
    assert [segment.text for segment in transcript.segments] == [" one", " two", " three"]
    assert client.export(transcript.id, "srt").startswith("1\n00:00:00,000")


def test_the_progress_of_a_job_has_every_segment_once(client: Appliance, talk: Path) -> None:
    changes = list(client.events(client.submit(talk).id))
    assert [segment.text for change in changes for segment in change.segments] == [" one", " two", " three"]
    assert changes[-1].job.status == "done"
    assert client.wait(changes[-1].job.id).transcript_id == changes[-1].job.transcript_id


def test_the_same_request_sent_again_is_the_same_job(client: Appliance, talk: Path) -> None:
    jobs = [client.submit(talk, idempotency_key="once") for _ in range(2)]
    assert jobs[0].id == jobs[1].id


def test_a_transcript_is_renamed_only_in_the_version_that_was_read(client: Appliance, talk: Path) -> None:
    read = client.transcribe(talk)
    renamed = client.rename(read.id, "A talk", etag=read.etag)
    assert (renamed.title, client.transcript(read.id).etag) == ("A talk", renamed.etag)
    with pytest.raises(PreconditionFailed):
        client.rename(read.id, "Another", etag=read.etag)


def test_a_deleted_transcript_is_not_found_until_it_is_restored(client: Appliance, talk: Path) -> None:
    id = client.transcribe(talk).id
    client.delete(id)
    with pytest.raises(NotFound, match="no such transcript"):
        client.transcript(id)
    assert client.restore(id).id == id


def test_a_kept_recording_is_transcribed_again_with_other_options(
    client: Appliance, server: Server, talk: Path
) -> None:
    first = client.rename(client.transcribe(talk).id, "A talk")
    kept = server.data_dir / "audio" / first.id  # the script of the server archives nothing
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("one two three")
    second = client.result(client.transcribe_again(first.id, quality="fast").id)
    assert (second.text, second.title) == (first.text, "A talk")
    assert second.id != first.id
    assert kept.read_text() == "one two three", "the recording stays where it was"
    with pytest.raises(NotFound):
        client.transcribe_again(second.id)


def test_an_error_has_the_servers_code_message_and_field(client: Appliance, talk: Path) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.submit(talk, language="xx")
    assert (caught.value.code, caught.value.field) == ("invalid_request", "language")
    assert "xx" in caught.value.message
    assert caught.value.__notes__[0].startswith("Request id: ")


def test_a_wrong_key_is_refused(server: Server, fingerprint: str) -> None:
    with (
        Appliance(server.url, key="wa_wrong", ca_fingerprint=fingerprint) as client,
        pytest.raises(SignInRequired),
    ):
        client.jobs()


def test_speech_is_streamed_and_captioned(client: Appliance) -> None:
    heard: list[tuple[str, dict[str, Any]]] = []
    end = client.live(packets(SPEECH), lambda kind, payload: heard.append((kind, payload)), language="en")
    assert end.transcript_id
    assert client.transcript(end.transcript_id).text == WORDS
    assert "".join(payload["text"] for kind, payload in heard if kind == "commit").strip() == WORDS


def test_the_certificate_is_checked_against_the_system_a_file_or_a_fingerprint(
    server: Server, fingerprint: str, tmp_path: Path
) -> None:
    with Appliance(server.url) as stranger, pytest.raises(Unavailable, match="not trusted"):
        stranger.jobs()
    authority = tmp_path / "ca.crt"
    authority.write_text(server.get("/ca.crt")[1])
    for trust in ({"ca_file": authority}, {"ca_fingerprint": fingerprint.replace(":", "").lower()}):
        with Appliance(server.url, **trust) as client:
            assert client.jobs().items == ()
    with pytest.raises(Unavailable, match="another fingerprint"):
        Appliance(server.url, ca_fingerprint="0" * 64)
    with pytest.raises(InvalidRequest, match="SHA-256"):
        Appliance(server.url, ca_fingerprint="ab:cd")
    with pytest.raises(InvalidRequest):
        Appliance(server.url, ca_fingerprint=fingerprint, insecure=True)


def test_an_appliance_that_is_off_is_reported_after_a_few_repeats() -> None:
    pauses: list[float] = []
    with (
        Appliance("http://127.0.0.1:1", sleep=pauses.append) as client,
        pytest.raises(Unavailable, match="cannot be reached"),
    ):
        client.jobs()
    assert pauses == [0.5, 2.0, 5.0]


def test_the_progress_of_a_job_is_given_up_if_the_appliance_does_not_come_back() -> None:
    pauses: list[float] = []
    with (
        Appliance("http://127.0.0.1:1", sleep=pauses.append) as client,
        pytest.raises(Unavailable, match="cannot be reached"),
    ):
        client.wait("0" * 32)
    assert 300 < sum(pauses) < 600


def test_the_asynchronous_client_does_the_same(server: Server, fingerprint: str, talk: Path) -> None:
    async def speech() -> AsyncIterator[bytes]:
        for packet in packets(SPEECH):
            yield packet

    async def use() -> tuple[str, list[Progress], LiveEnd, list[str]]:
        kinds: list[str] = []
        async with AsyncAppliance(server.url, ca_fingerprint=fingerprint) as client:
            transcript = await client.transcribe(talk)
            job = await client.submit(talk, quality="fast")
            changes = [change async for change in client.events(job.id)]
            end = await client.live(speech(), lambda kind, _payload: kinds.append(kind))
            with pytest.raises(NotFound):
                await client.job("0" * 32)
        return transcript.text, changes, end, kinds

    text, changes, end, kinds = asyncio.run(use())
    assert text == "one two three"
    assert changes[-1].job.status == "done"
    assert end.transcript_id
    assert kinds[-1] == "end"


def test_the_client_imports_no_server_and_no_speech_library() -> None:
    program = (
        "import sys; from whisper_appliance.client import Appliance\n"
        "heavy = {'flask', 'numpy', 'sqlalchemy', 'pydantic', 'structlog', 'socketio', 'cryptography'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_command_line_transcribes_on_a_server(
    server: Server, fingerprint: str, talk: Path, tmp_path: Path
) -> None:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*COMMAND, talk, "--server", server.url, *arguments],
            capture_output=True, text=True, cwd=ROOT, env=environment(tmp_path), timeout=120, check=False,
        )  # fmt: skip

    done = run("--ca-fingerprint", fingerprint)
    assert (done.returncode, done.stdout) == (0, "one two three\n"), done.stderr
    written = run("--insecure", "-f", "srt", "-f", "json", "-o", str(tmp_path / "out"), "-l", "English")
    assert written.returncode == 0, written.stderr
    assert "-->" in (tmp_path / "out/talk.srt").read_text()
    refused = run("--insecure", "--model", "nonesuch")
    assert refused.returncode == 1
    assert "There is no model named 'nonesuch'" in refused.stderr
    assert not (tmp_path / "models").exists(), "a server needs no model here"
