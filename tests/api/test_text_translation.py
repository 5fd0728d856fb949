"""The words of a transcript are translated by a translator; the lines stand beside those that it has."""

import pytest

from tests.support.client import ApiClient, send, uploads
from tests.support.jobs import Script
from tests.support.library import keep_recording
from tests.support.translations import offering, translate, translated
from tests.support.wait import wait_until
from whisper_appliance.app import translate_transcript
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import EngineFailed, Unavailable

pytestmark = pytest.mark.slow  # starts translator processes

PAIRS = (("en", "pt"), ("pt", "en"), ("de", "pt"), ("de", "en"))


@pytest.fixture(scope="module")
def appliance(translating_appliance: Appliance) -> Appliance:
    translating_appliance.translate_transcript.offered = offering(*PAIRS)
    return translating_appliance


def written(client: ApiClient, words: str = "guten tag", language: str = "de") -> str:
    """The id of a transcript of these words, one a line, without a recording."""
    return str(send(client, words=words, language=language).json["id"])


def test_the_corrected_words_are_translated_line_by_line_without_a_recording(
    appliance: Appliance, member: ApiClient
) -> None:
    id = written(member)
    path = f"/api/transcripts/{id}"
    change = {"operations": [{"op": "replace_text", "segment": "1", "text": "Abend"}]}
    assert member.patch(f"{path}/segments", json=change, headers={"If-Match": "*"}).status_code == 200
    assert member.get(f"{path}/translation").json["targets"] == [
        {"language": "en", "recording": False, "translators": ["pairs"]},
        {"language": "pt", "recording": False, "translators": ["pairs"]},
    ]
    job = translated(appliance, translate(member, id, target="pt-BR"))
    assert (job.status, job.transcript_id, job.model, job.translate_to) == ("done", id, "pairs", "pt")
    made = member.get(f"{path}/translation").json["translation"]
    assert (made["language"], made["model"]) == ("pt", "pairs")
    assert [each["text"] for each in made["segments"]] == [" de-pt: guten", " de-pt: Abend"]
    lines = member.get(path).json["segments"]
    times = [[(each["start"], each["end"]) for each in found] for found in (made["segments"], lines)]
    assert times[0] == times[1]
    assert member.get(path).json["text"] == "guten Abend"
    assert len(member.get("/api/transcripts").json["transcripts"]) == 1
    assert uploads(appliance) == []


def test_exports_name_the_language_of_the_translation(appliance: Appliance, member: ApiClient) -> None:
    id = written(member)
    translated(appliance, translate(member, id, target="Portuguese"))
    path = f"/api/transcripts/{id}?translation=beside&format="
    assert "<lang pt>de-pt: guten</lang>" in member.get(f"{path}vtt").text
    assert '<p lang="pt" dir="auto">de-pt: guten de-pt: tag</p>' in member.get(f"{path}html").text
    translated(appliance, translate(member, id, target="en"))  # in its place
    assert "<lang en>de-en: guten</lang>" in member.get(f"{path}vtt").text


def test_english_is_made_from_the_recording_where_it_is_kept_unless_a_translator_is_named(
    appliance: Appliance, member: ApiClient
) -> None:
    id = written(member)
    keep_recording(appliance.recordings, id, b"guten tag")
    assert member.get(f"/api/transcripts/{id}/translation").json["targets"][0]["recording"]
    assert translated(appliance, translate(member, id)).translate_to is None
    assert translated(appliance, translate(member, id, model="pairs")).translate_to == "en"
    assert translate(member, id, model="tiny.en").json["error"]["field"] == "model"
    appliance.recordings.delete(id)
    assert translated(appliance, translate(member, id)).translate_to == "en"


def test_a_translation_into_english_by_whisper_is_english_words(
    appliance: Appliance, member: ApiClient
) -> None:
    id = str(send(member, words="good day", language="de", task="translate").json["id"])
    translated(appliance, translate(member, id, target="pt"))
    made = appliance.translations.of(id)
    assert made is not None
    assert made.transcript.text == "en-pt: good en-pt: day"


def test_a_translated_text_counts_no_minutes_of_audio(appliance: Appliance, member: ApiClient) -> None:
    id = written(member)
    before = appliance.usage.seconds_this_month(member.user.id)
    translated(appliance, translate(member, id, target="pt"))
    assert appliance.usage.seconds_this_month(member.user.id) == before > 0


@pytest.mark.parametrize(
    ("body", "status", "field", "message"),
    [
        (
            {"target": "fr"},
            400,
            "target",
            "from de to fr is not offered. These are: de-en, de-pt, en-pt, pt-en.",
        ),
        ({"target": "pt", "language": "fr"}, 400, "target", "from fr to pt is not offered"),
        ({"target": "en", "language": "fr", "model": "pairs"}, 400, "target", "from fr to en is not offered"),
        ({"target": "pt", "model": "tiny.en"}, 400, "model", "does not translate text"),
        ({"target": "Klingon"}, 400, "target", "is not a language"),
        ({"target": "de"}, 409, None, "in that language already"),
    ],
)
def test_what_is_not_possible_is_refused_with_the_reason(
    member: ApiClient, body: dict[str, str], status: int, field: str | None, message: str
) -> None:
    refused = translate(member, written(member), **body)
    assert (refused.status_code, refused.json["error"]["field"]) == (status, field)
    assert message in refused.json["error"]["message"]


def test_without_the_extra_the_reason_says_so(
    appliance: Appliance, member: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appliance.translate_transcript, "offered", dict)
    id = written(member)
    refused = translate(member, id, target="pt")
    assert refused.status_code == 400
    assert "neither the extra `translation` nor a model" in refused.json["error"]["message"]
    assert member.get(f"/api/transcripts/{id}/translation").json["targets"] == []


def test_a_text_that_is_too_long_is_refused(member: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translate_transcript, "MAX_CHARS", 5)
    refused = translate(member, written(member), target="pt")
    assert (refused.status_code, refused.json["error"]["code"]) == (413, "too_large")
    assert "at most 5 can be translated" in refused.json["error"]["message"]


def test_progress_is_told_and_a_cancelled_job_leaves_nothing(
    appliance: Appliance, member: ApiClient, script: Script
) -> None:
    id = written(member, "one two three four five six")
    script.window_seconds = 0.3
    running = translate(member, id, target="pt").json["id"]
    assert translate(member, id, target="en").json["id"] == running  # one at a time
    wait_until(lambda: 0 < appliance.queue.get(running).progress < 1)
    member.delete(f"/api/jobs/{running}")
    assert appliance.queue.wait(running, 60).status == "cancelled"
    assert appliance.translations.of(id) is None


def test_a_process_that_was_killed_is_tried_again(
    appliance: Appliance, member: ApiClient, script: Script
) -> None:
    id, tries = written(member), list[str]()

    def fail_once(line: str) -> None:
        tries.append(line)
        if len(tries) == 1:
            raise Unavailable("The process that translates failed: {reason}.", reason="it was killed")

    script.before_window = fail_once
    job = translated(appliance, translate(member, id, target="pt"))
    assert (job.status, len(tries)) == ("done", 3)


def test_a_text_that_cannot_be_translated_fails_and_the_one_before_stays(
    appliance: Appliance, member: ApiClient, script: Script
) -> None:
    id = written(member)
    translated(appliance, translate(member, id, target="pt"))
    before = appliance.translations.of(id)

    def fail(_line: str) -> None:
        raise EngineFailed("The process that translates failed: {reason}.", reason="exit code 7")

    script.before_window = fail
    job = translated(appliance, translate(member, id, target="en"))
    assert (job.status, job.error and job.error.code) == ("failed", "engine_failed")
    assert appliance.translations.of(id) == before
