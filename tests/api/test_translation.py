"""A kept recording is translated; the translation stands beside its transcript, and in exports."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import ApiClient, send, signed_in, uploads, with_key
from tests.support.jobs import Script
from tests.support.library import keep_recording
from tests.support.translations import translate, translated
from tests.support.wait import wait_until
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.appliance import Appliance


@pytest.fixture(scope="module")
def appliance(translating_appliance: Appliance) -> Appliance:
    return translating_appliance


def spoken(appliance: Appliance, client: ApiClient, words: str = "guten tag", language: str = "de") -> str:
    """A transcript in German whose recording, of the same words, is kept."""
    id = str(send(client, words=words, language=language).json["id"])
    keep_recording(appliance.recordings, id, words.encode())
    return id


def test_a_translation_is_made_read_exported_and_deleted(appliance: Appliance, member: ApiClient) -> None:
    id = spoken(appliance, member)
    path = f"/api/transcripts/{id}/translation"
    assert member.get(path).json == {
        "translation": None,
        "job": None,
        "targets": [{"language": "en", "recording": True, "translators": []}],
    }
    answer = translate(member, id)
    job = translated(appliance, answer)
    assert answer.headers["Location"].endswith(f"/api/jobs/{job.id}")
    assert (job.status, job.transcript_id, job.reused, job.options.task) == ("done", id, False, "translate")
    state = member.get(path).json
    assert state["job"] is None
    assert (state["translation"]["language"], state["translation"]["text"]) == ("en", "guten tag")
    starts = [each["start"] for each in member.get(f"/api/transcripts/{id}").json["segments"]]
    assert [each["start"] for each in state["translation"]["segments"]] == starts
    assert member.get(f"/api/jobs/{job.id}").json["translation_of"] == id
    assert len(member.get("/api/transcripts").json["transcripts"]) == 1  # no entry of its own
    assert member.get(f"/api/transcripts/{id}").json["task"] == "transcribe"
    text = f"/api/transcripts/{id}?format=txt&paragraphs=false"
    assert member.get(f"{text}&translation=beside").text == "guten\nguten\n\ntag\ntag\n\n"
    assert member.get(text).text == "guten\ntag\n"
    both = member.get(f"/api/transcripts/{id}?translation=beside").json["segments"]
    assert [each["translation"] for each in both] == ["guten", "tag"]
    link = member.post(f"/api/transcripts/{id}/shares", json={"days": 1}).json["path"]
    assert "<lang en>tag</lang>" in member.get(f"/api{link}?format=vtt&translation=beside").text
    shared = member.get(f"/api{link}?translation=beside").json
    assert [each["translation"] for each in shared["segments"]] == ["guten", "tag"]
    assert shared["translation_language"] == "en"
    assert member.get(f"/api{link}").json["translation_language"] is None
    assert member.delete(path).status_code == 204
    assert member.delete(path).status_code == 404
    assert member.get(f"{text}&translation=beside").text == member.get(text).text
    assert uploads(appliance) == []
    assert appliance.recordings.file(id).read_text() == "guten tag"


def test_a_translation_is_made_anew_and_the_one_before_stays_until_then(
    appliance: Appliance, member: ApiClient, script: Script
) -> None:
    id = spoken(appliance, member)
    first = translated(appliance, translate(member, id))
    before = appliance.translations.created(id)
    appliance.recordings.file(id).write_text("other words")
    script.window_seconds = 0.5
    running = translate(member, id)
    again = translate(member, id)  # while it is made, everybody gets the same job
    assert again.json["id"] == running.json["id"] != first.id
    assert member.get(f"/api/transcripts/{id}/translation").json["job"]["id"] == running.json["id"]
    assert appliance.translations.created(id) == before
    assert translated(appliance, running).status == "done"
    made = appliance.translations.of(id)
    assert made is not None
    assert made.transcript.text == "other words"


def upload_of(appliance: Appliance, job: str) -> Path:
    return appliance.settings.data_dir / "uploads" / job


def test_the_translation_of_a_transcript_that_is_deleted_for_good_ends_and_leaves_no_file(
    appliance: Appliance, member: ApiClient, script: Script
) -> None:
    id = spoken(appliance, member)
    script.window_seconds = 0.3
    answer = translate(member, id)
    appliance.transcripts.delete(id, member.user.id)
    assert translate(member, id).status_code == 404
    appliance.transcripts.empty_trash(member.user.id)
    assert not upload_of(appliance, answer.json["id"]).exists()
    assert translated(appliance, answer).status == "cancelled"
    assert member.get("/api/transcripts").json["transcripts"] == []


@pytest.mark.parametrize("deleted", ["for good", "with its account"])
def test_the_file_of_a_translation_that_failed_goes_with_the_transcript(
    appliance: Appliance, app: Any, member: ApiClient, script: Script, deleted: str
) -> None:
    id, editor = spoken(appliance, member), signed_in(app)
    appliance.shares.share_with(id, editor.user.name, by=member.user.id, role="editor")
    script.before_window = refuse
    job = translated(appliance, translate(editor, id))
    assert editor.get(f"/api/jobs/{job.id}").json["can_retry"]
    appliance.transcripts.delete(id, member.user.id)
    assert upload_of(appliance, job.id).exists(), "it can be restored"
    if deleted == "for good":
        appliance.transcripts.empty_trash(member.user.id)
    else:
        appliance.accounts.remove_user(member.user.id, by=SHELL, heir=None)
    assert not upload_of(appliance, job.id).exists()
    assert editor.post(f"/api/jobs/{job.id}/retry").status_code == 404


def test_the_job_of_a_translation_is_not_shown_once_the_share_has_ended(
    appliance: Appliance, app: Any, member: ApiClient, script: Script
) -> None:
    id, editor = spoken(appliance, member, "one hold two"), signed_in(app)
    share = appliance.shares.share_with(id, editor.user.name, by=member.user.id, role="editor")
    go_on = threading.Event()
    script.before_window = lambda word: word == "hold" and go_on.wait(60)
    job = f"/api/jobs/{translate(editor, id).json['id']}"
    wait_until(lambda: editor.get(job).json["text"] == "one")
    appliance.shares.revoke(share.id)
    for hidden in (editor.get(job), editor.get(f"{job}/events"), editor.post(f"{job}/retry")):
        assert hidden.status_code == 404
    assert editor.delete(job).status_code == 200
    go_on.set()
    wait_until(lambda: appliance.queue.translating(id) is None)


def test_no_heir_of_an_editor_gets_the_jobs_that_translate_what_was_shared(
    appliance: Appliance, app: Any, member: ApiClient, script: Script
) -> None:
    shared, editor, heir = spoken(appliance, member, "one hold two"), signed_in(app), signed_in(app)
    appliance.shares.share_with(shared, editor.user.name, by=member.user.id, role="editor")
    own = spoken(appliance, editor, "guten abend")
    go_on = threading.Event()
    script.before_window = lambda word: word == "hold" and go_on.wait(60)
    foreign_job = translate(editor, shared).json["id"]
    own_job = translated(appliance, translate(editor, own))
    wait_until(lambda: appliance.queue.windows_of(foreign_job))
    appliance.accounts.remove_user(editor.user.id, by=SHELL, heir=heir.user.id)
    assert heir.get(f"/api/jobs/{foreign_job}").status_code == 404
    assert foreign_job not in {job["id"] for job in heir.get("/api/jobs").json["jobs"]}
    assert heir.get(f"/api/jobs/{own_job.id}").json["text"] == "guten abend"
    assert not upload_of(appliance, foreign_job).exists()
    with appliance.job_notifier.subscribe(foreign_job) as changed:
        changed.clear()
        go_on.set()
        wait_until(changed.is_set)
    assert appliance.translations.of(shared) is None


def test_an_heir_gets_the_jobs_of_an_account_that_has_no_transcript_yet(
    appliance: Appliance, app: Any, script: Script
) -> None:
    user, heir = signed_in(app), signed_in(app)
    go_on = threading.Event()
    script.before_window = lambda word: word == "hold" and go_on.wait(60)
    job = f"/api/jobs/{send(user, words='one hold two', **{'async': '1'}).json['id']}"
    wait_until(lambda: user.get(job).json["text"] == "one")
    appliance.accounts.remove_user(user.user.id, by=SHELL, heir=heir.user.id)
    go_on.set()
    assert wait_until(lambda: heir.get(job).json["status"] == "done")


def refuse(_word: str) -> None:
    raise ValueError("no such luck")


def test_a_job_that_fails_costs_nothing(appliance: Appliance, member: ApiClient, script: Script) -> None:
    id = spoken(appliance, member)
    translated(appliance, translate(member, id))
    before = appliance.translations.of(id)
    script.before_window = refuse
    assert translated(appliance, translate(member, id)).status == "failed"
    assert appliance.translations.of(id) == before
    assert member.get(f"/api/transcripts/{id}").json["text"] == "guten tag"


def test_the_upload_of_a_translation_is_new_so_that_no_other_worker_takes_it_for_an_orphan(
    appliance: Appliance, member: ApiClient, script: Script
) -> None:
    id = spoken(appliance, member)
    os.utime(appliance.recordings.file(id), (0, 0))
    ages: list[float] = []
    script.before_window = lambda _word: ages.extend(
        time.time() - path.stat().st_mtime for path in (appliance.settings.data_dir / "uploads").iterdir()
    )
    assert translated(appliance, translate(member, id)).status == "done"
    assert ages
    assert max(ages) < 60


def test_a_recording_that_is_not_kept_is_not_translated(appliance: Appliance, member: ApiClient) -> None:
    id = spoken(appliance, member)
    appliance.recordings.delete(id)
    refused = translate(member, id)
    assert refused.status_code == 404
    assert (
        refused.json["error"]["message"] == "The recording is not kept any more, so it cannot be translated."
    )


def test_english_is_not_translated_unless_the_language_is_wrong(
    appliance: Appliance, member: ApiClient
) -> None:
    id = spoken(appliance, member, language="en")
    refused = translate(member, id)
    assert (refused.status_code, refused.json["error"]["code"]) == (409, "conflict")
    assert "in English already" in refused.json["error"]["message"]
    assert translated(appliance, translate(member, id, language="German")).options.language == "de"
    english = send(member, language="de", task="translate").json["id"]
    assert "a translation into English already" in translate(member, english).json["error"]["message"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("tiny.en", "The model tiny.en cannot translate; choose one without '.en'."),
        (
            "turbo",
            "The model large-v3-turbo was not trained to translate; choose another one, such as medium.",
        ),
        ("nothing", "There is no model named 'nothing'; /api/models lists them."),
    ],
)
def test_a_model_that_cannot_translate_is_refused(
    appliance: Appliance, member: ApiClient, model: str, message: str
) -> None:
    refused = translate(member, spoken(appliance, member), model=model)
    assert (refused.status_code, refused.json["error"]["message"]) == (400, message)
    assert refused.json["error"]["field"] == "model"
    states = {each["name"]: each["translates"] for each in member.get("/api/models").json["models"]}
    assert (states["tiny.en"], states["large-v3-turbo"], states["base"]) == (False, False, True)


def test_a_model_that_is_not_here_is_named(appliance: Appliance, member: ApiClient) -> None:
    refused = translate(member, spoken(appliance, member), model="medium")
    assert refused.status_code == 503
    assert "medium" in refused.json["error"]["message"]


def test_an_editor_translates_what_was_shared_and_a_reader_reads_it(
    appliance: Appliance, app: Any, member: ApiClient
) -> None:
    id = spoken(appliance, member)
    editor, reader = signed_in(app), signed_in(app)
    appliance.shares.share_with(id, editor.user.name, by=member.user.id, role="editor")
    appliance.shares.share_with(id, reader.user.name, by=member.user.id)
    assert translate(reader, id).status_code == 404
    job = translated(appliance, translate(editor, id))
    assert (job.owner, job.status) == (editor.user.id, "done")
    assert reader.get(f"/api/transcripts/{id}/translation").json["translation"]["text"] == "guten tag"
    assert editor.get("/api/transcripts").json["transcripts"] == []


def test_a_key_needs_the_right_to_transcribe_too(appliance: Appliance, app: Any, member: ApiClient) -> None:
    id = spoken(appliance, member)
    assert translate(with_key(app, "write", user=member.user), id).status_code == 403
    assert translate(with_key(app, "write", "transcribe", user=member.user), id).status_code == 202


def test_open_pages_are_told_of_a_translation_and_of_its_job(
    appliance: Appliance, member: ApiClient, script: Script
) -> None:
    id = spoken(appliance, member)
    stream = member.get(f"/api/transcripts/{id}/changes?since=0")
    parts = (part.decode() if isinstance(part, bytes) else part for part in stream.response)
    states = (json.loads(part.split("data: ")[1]) for part in parts if part.startswith("event: translation"))
    assert next(states) == {"created": None, "job": None}
    released = threading.Event()
    script.before_window = lambda _word: released.wait(60)
    job = translate(member, id).json["id"]
    started = next(each for each in states if each["job"]["status"] != "queued")
    assert started == {"created": None, "job": {"id": job, "status": "running"}}
    with appliance.edit_notifier.subscribe(id) as changed:
        member.delete(f"/api/jobs/{job}")
        released.set()
        assert changed.wait(60)
    assert next(states) == {"created": None, "job": None}
    assert translated(appliance, translate(member, id)).status == "done"
    wait_until(lambda: appliance.translations.created(id) is not None)
    created = appliance.translations.created(id)
    assert next(states) == {"created": created, "job": None}
    stream.close()


def test_what_is_no_translation_request_is_refused(appliance: Appliance, member: ApiClient) -> None:
    id = spoken(appliance, member)
    wrong: Any
    for wrong in ({"model": 1}, {"language": "Klingon"}, {"model": "x" * 201}):
        assert translate(member, id, **wrong).status_code == 400
    assert member.get(f"/api/transcripts/{id}?format=txt&translation=both").status_code == 400
