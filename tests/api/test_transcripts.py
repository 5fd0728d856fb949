"""Transcripts are listed, read, downloaded, renamed, thrown away and brought back."""

import io
import zipfile

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import ApiClient, open_page, send


def test_a_list_goes_on_where_its_page_ended(browser: ApiClient) -> None:
    made = [send(browser, words=f"number {index}").json["id"] for index in range(3)]
    first = browser.get("/api/transcripts?limit=2").json
    second = browser.get("/api/transcripts", query_string={"limit": 2, "cursor": first["next"]}).json
    assert [each["id"] for each in first["transcripts"] + second["transcripts"]] == made[::-1]
    assert second["next"] is None


def test_a_list_entry_is_a_summary(browser: ApiClient) -> None:
    send(browser, words="the quick fox", name="fox.mp3")
    (entry,) = browser.get("/api/transcripts").json["transcripts"]
    assert {"id", "created", "language", "duration", "model", "source", "doubtful_words"} < set(entry)
    assert (entry["title"], entry["excerpt"], entry["deleted"]) == ("fox", "the quick fox", None)
    assert entry["found"] is None


def test_transcripts_are_searched_by_words(browser: ApiClient) -> None:
    send(browser, words="apples and pears")
    send(browser, words="plums")
    found = browser.get("/api/transcripts?q=pear").json["transcripts"]
    assert [each["excerpt"] for each in found] == ["apples and pears"]
    assert found[0]["found"][1::2] == ["pears"]
    assert found[0]["hits"][0]["start"] == 0.0  # the scripted words have no times
    assert found[0]["hit_count"] == 1
    missed = browser.get("/api/transcripts?q=appels").json
    assert (missed["total"], missed["suggestion"]) == (0, "apples")


def test_a_list_is_filtered_sorted_and_read_from_any_place(browser: ApiClient) -> None:
    for name in ("b.wav", "c.wav", "a.wav"):
        send(browser, words="some words", name=name)

    def titles(**query: object) -> tuple[list[str], int]:
        answer = browser.get("/api/transcripts", query_string=query).json
        return [each["title"] for each in answer["transcripts"]], answer["total"]

    assert titles(sort="title") == (["a", "b", "c"], 3)
    assert titles(sort="title", offset=1, limit=1) == (["b"], 3)
    assert titles(language="xx") == ([], 0)
    assert titles(created_from="2020-01-01", created_until="2020-01-02T00:00:00Z") == ([], 0)
    assert titles(created_from="2020-01-01", max_seconds=3600, source="upload", sort="oldest")[1] == 3


@pytest.mark.parametrize(
    "query",
    [
        "sort=best",
        "offset=-1",
        "created_from=yesterday",
        "sort=title&cursor=x",
        "min_seconds=-1",
        "doubtful=perhaps",
    ],
)
def test_a_malformed_question_is_refused(browser: ApiClient, query: str) -> None:
    assert browser.get(f"/api/transcripts?{query}").status_code == 400


@pytest.mark.parametrize("format", ["json", "txt", "srt", "vtt", "tsv", "docx", "html"])
def test_a_download_has_a_name(browser: ApiClient, format: str) -> None:
    id = send(browser, name="Zoë's talk.wav").json["id"]
    answer = browser.get(f"/api/transcripts/{id}?format={format}&download=true")
    assert answer.status_code == 200
    assert f"filename*=UTF-8''Zo%C3%AB%27s%20talk.{format}" in answer.headers["Content-Disposition"]


def test_a_page_is_never_shown_in_the_origin_of_the_appliance(browser: ApiClient) -> None:
    id = send(browser, words="<script>alert(1)</script>").json["id"]
    answer = browser.get(f"/api/transcripts/{id}?format=html")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "<script>" not in answer.text


def test_several_transcripts_are_one_archive(browser: ApiClient) -> None:
    ids = [send(browser, words=f"word{number}", name="same/name.wav").json["id"] for number in range(3)]
    body = {"ids": ids[:2], "formats": ["docx", "txt"], "times": True}
    answer = browser.post("/api/transcripts/export", json=body)
    assert answer.mimetype == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        texts = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".txt")]
        assert sorted(texts) == ["[0:00] word0\n", "[0:00] word1\n"]
        assert sum(name.endswith(".docx") for name in archive.namelist()) == 2
    with zipfile.ZipFile(io.BytesIO(browser.post("/api/transcripts/export", json={}).data)) as archive:
        assert len(archive.namelist()) == 6
    without_words = {"ids": ids[:1], "template": "{start}"}
    assert (
        browser.post("/api/transcripts/export", json={**without_words, "formats": ["srt"]}).status_code == 200
    )
    refused = browser.post("/api/transcripts/export", json={**without_words, "formats": ["srt", "md"]})
    assert (refused.status_code, refused.json["error"]["field"]) == (400, "template")


def test_an_archive_with_a_foreign_transcript_is_refused(app: OpenAPI, browser: ApiClient) -> None:
    foreign = send(open_page(app)).json["id"]
    assert browser.post("/api/transcripts/export", json={"ids": [foreign]}).status_code == 404
    bodies: tuple[dict[str, object], ...] = (
        {"formats": []}, {"formats": ["odt"]}, {"max_lines": 0}, {"ids": ["x"]},
    )  # fmt: skip
    for wrong in bodies:
        assert browser.post("/api/transcripts/export", json=wrong).status_code in (400, 404)


def test_a_title_cannot_break_out_of_the_download_header(browser: ApiClient) -> None:
    id = send(browser).json["id"]
    browser.patch(f"/api/transcripts/{id}", json={"title": '../"a"\r\nSet-Cookie: x=1; /etc/passwd'})
    answer = browser.get(f"/api/transcripts/{id}?download=true")
    assert "Set-Cookie" not in answer.headers
    assert "/" not in answer.headers["Content-Disposition"].split("filename*")[0].removeprefix("attachment; ")


def test_a_transcript_is_renamed(browser: ApiClient) -> None:
    id = send(browser).json["id"]
    assert browser.patch(f"/api/transcripts/{id}", json={"title": "  A talk "}).json["title"] == "A talk"
    bodies: tuple[object, ...] = ({"title": " "}, {"title": 5}, {}, [])
    for body in bodies:
        answer = browser.patch(f"/api/transcripts/{id}", json=body)
        assert answer.status_code == 400
    assert (
        browser.patch(f"/api/transcripts/{id}", data="{", content_type="application/json").status_code == 400
    )


def test_an_edit_of_an_older_version_is_rejected(browser: ApiClient) -> None:
    address = f"/api/transcripts/{send(browser).json['id']}"
    first = browser.get(address).headers["ETag"]
    second = browser.patch(address, json={"title": "A talk"}, headers={"If-Match": first})
    assert second.status_code == 200
    late = browser.patch(address, json={"title": "Her talk"}, headers={"If-Match": first})
    assert (late.status_code, late.json["error"]["code"]) == (412, "precondition_failed")
    assert browser.get(address).json["title"] == "A talk"
    assert browser.get(address).headers["ETag"] == second.headers["ETag"]
    for header in (second.headers["ETag"], "*"):
        renamed = browser.patch(address, json={"title": "A talk"}, headers={"If-Match": header})
        assert renamed.status_code == 200


def test_a_version_that_the_client_has_is_not_sent_again(browser: ApiClient) -> None:
    address = f"/api/transcripts/{send(browser).json['id']}"
    known = {"If-None-Match": browser.get(address).headers["ETag"]}
    again = browser.get(address, headers=known)
    assert (again.status_code, again.data) == (304, b"")
    browser.patch(address, json={"title": "Another"})
    assert browser.get(address, headers=known).json["title"] == "Another"


def test_a_deleted_transcript_is_in_the_trash_and_can_be_restored(browser: ApiClient) -> None:
    id = send(browser).json["id"]
    assert browser.delete(f"/api/transcripts/{id}").status_code == 204
    assert browser.get(f"/api/transcripts/{id}").status_code == 404
    (thrown,) = browser.get("/api/transcripts?deleted=true").json["transcripts"]
    assert thrown["id"] == id
    assert thrown["deleted"]
    assert open_page(browser.application).post(f"/api/transcripts/{id}/restore").status_code == 404
    assert browser.post(f"/api/transcripts/{id}/restore").json["id"] == id
    assert browser.get(f"/api/transcripts/{id}").status_code == 200


def test_an_unknown_format_is_named(browser: ApiClient) -> None:
    id = send(browser).json["id"]
    assert browser.get(f"/api/transcripts/{id}?format=odt").json["error"]["field"] == "format"
