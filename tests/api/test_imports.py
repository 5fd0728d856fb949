"""A history from elsewhere moves in: one file at a time, or an archive, by the API and the command line."""

import io
import json
import zipfile
from pathlib import Path

from click.testing import CliRunner
from flask_openapi3 import OpenAPI

from tests.support.client import PASSWORD, ApiClient, open_page, send
from whisper_appliance.cli import cli

SRT = b"1\n00:00:01,000 --> 00:00:02,000\nHello there\n"


def bring(client: ApiClient, data: bytes, name: str):  # type: ignore[no-untyped-def] # a test response
    return client.post("/api/transcripts/import", data={"file": (io.BytesIO(data), name)})


def archive(**files: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as zipped:
        for name, data in files.items():
            zipped.writestr(name.replace("__", "."), data)
    return written.getvalue()


def test_subtitles_become_a_transcript(browser: ApiClient) -> None:
    answer = bring(browser, SRT, "Zoë's <b>talk.srt")
    assert answer.status_code == 201
    (made,) = answer.json["imported"]
    read = browser.get(f"/api/transcripts/{made['id']}").json
    assert (read["title"], read["text"], read["duration"]) == ("Zoë's <b>talk", "Hello there", 2)
    assert browser.get("/api/transcripts?q=hello").json["transcripts"][0]["id"] == made["id"]


def test_an_exported_history_moves_to_another_account(app: OpenAPI, browser: ApiClient) -> None:
    for words in ("one", "two"):
        send(browser, words=words)
    exported = browser.post("/api/transcripts/export", json={"formats": ["json", "srt", "txt"]}).data
    other = open_page(app)
    answer = bring(other, exported, "history.zip")
    assert len(answer.json["imported"]) == 2
    assert answer.json["failed"] == []
    before, after = (
        [
            (each["title"], each["created"], each["excerpt"])
            for each in client.get("/api/transcripts").json["transcripts"]
        ]
        for client in (browser, other)
    )
    assert before == after


def test_notes_move_with_their_transcript(app: OpenAPI, browser: ApiClient) -> None:
    id = send(browser, words="one").json["id"]
    for start, text in ((0.5, "First"), (0.25, "Earlier")):
        browser.post(f"/api/transcripts/{id}/notes", json={"start": start, "text": text})
    exported = browser.get(f"/api/transcripts/{id}?format=json&download=true").json
    exported["notes"] += [{"start": 0, "text": "Hm", "author": "Bob", "id": 7}, {"start": 0, "text": " "}]
    other = open_page(app)
    (made,) = bring(other, json.dumps(exported).encode(), "talk.json").json["imported"]
    notes = other.get(f"/api/transcripts/{made['id']}/notes").json["notes"]
    assert [(note["start"], note["text"], note["mine"]) for note in notes] == [
        (0, "Bob: Hm", True),
        (0.25, "Earlier", True),
        (0.5, "First", True),
    ]
    for strange in ("my notes", [1], [{"start": -1, "text": "x"}]):
        exported["notes"] = strange
        assert bring(other, json.dumps(exported).encode(), "talk.json").status_code == 201


def test_a_bad_file_in_an_archive_stops_no_other(browser: ApiClient) -> None:
    answer = bring(browser, archive(bad__srt=b"nothing", good__srt=SRT), "both.zip")
    assert [each["name"] for each in answer.json["imported"]] == ["good.srt"]
    assert [each["name"] for each in answer.json["failed"]] == ["bad.srt"]
    assert "no caption" in answer.json["failed"][0]["message"]


def test_what_cannot_be_imported_is_refused(browser: ApiClient) -> None:
    for data, name in (
        (b"no zip", "a.zip"), (archive(a__txt=b"x"), "b.zip"), (b"hello", "c.srt"), (b"x", "d.exe"),
    ):  # fmt: skip
        answer = bring(browser, data, name)
        assert answer.status_code == 400
        assert answer.json["error"]["field"] == "file"
    assert browser.get("/api/transcripts").json["transcripts"] == []


def test_a_file_that_unpacks_to_too_much_is_refused(browser: ApiClient) -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as zipped, zipped.open("big.json", "w") as big:
        for _ in range(65):
            big.write(bytes(1024 * 1024))
    answer = bring(browser, written.getvalue(), "bomb.zip")
    assert answer.status_code == 413


def test_the_command_line_imports_folders(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.srt").write_bytes(SRT)
    (tmp_path / "in" / "b.json").write_text(json.dumps({"segments": []}))
    (tmp_path / "in" / "ignored.pdf").write_bytes(b"%PDF")
    environment = {"DATA_DIR": str(tmp_path / "data")}
    runner = CliRunner()
    runner.invoke(cli, ["users", "add", "Ada", "--password-stdin"], input=PASSWORD, env=environment)
    done = runner.invoke(
        cli, ["import", "--user", "ada", str(tmp_path / "in")], env=environment, standalone_mode=False
    )
    assert done.return_value == 1
    assert "a.srt: imported" in done.stdout
    assert "b.json: There is no caption" in done.stderr
