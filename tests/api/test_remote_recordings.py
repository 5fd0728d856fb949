"""POST /transcribe with an address instead of a file, where the appliance may fetch it."""

from tests.support.application import StartAppliance
from tests.support.client import open_page, send, signed_in
from tests.support.file_server import file_server
from whisper_appliance.server.application import create_app


def test_the_recording_at_an_address_is_transcribed(start_appliance: StartAppliance) -> None:
    app = create_app(start_appliance(url_imports_private=True))
    visitor, admin = open_page(app), signed_in(app, "admin")
    with file_server() as server:
        server.files["/a%20talk.wav"] = ("audio/wav", b"three four")
        form = {"url": server.url("/a%20talk.wav"), "title": "Episode 1"}
        refused = visitor.post("/transcribe", data=form, content_type="multipart/form-data")
        assert (refused.status_code, refused.json["error"]["code"]) == (400, "invalid_request")
        assert admin.put("/api/admin/settings/url_imports", json={"value": "true"}).status_code == 200
        answer = visitor.post("/transcribe", data=form, content_type="multipart/form-data")
        assert (answer.json["text"], answer.json["title"]) == ("three four", "Episode 1")
        looked = visitor.post("/api/remote/inspect", json={"url": form["url"]})
        assert looked.json == {"name": "a talk.wav", "bytes": 10, "feed": None}
        server.files["/talk.mp3"] = ("audio/mpeg", b"%PDF-1.7 three four")
        form["url"] = server.url("/talk.mp3")
        paper = visitor.post("/transcribe", data=form, content_type="multipart/form-data")
        assert (paper.status_code, paper.json["error"]["code"]) == (415, "unsupported_media")
        both = send(visitor, **form)
        assert (both.status_code, both.json["error"]["field"]) == (400, "url")


def test_a_look_at_an_address_holds_a_place_for_uploads(start_appliance: StartAppliance) -> None:
    app = create_app(start_appliance(url_imports=True, url_imports_private=True, uploads_per_user=1))
    visitor = open_page(app)
    answers = []
    with file_server() as server:
        server.files["/inner"] = ("audio/wav", b"three four")
        server.before["/inner"] = lambda: answers.append(
            visitor.post("/api/remote/inspect", json={"url": server.url("/inner")}).status_code
        )
        looked = visitor.post("/api/remote/inspect", json={"url": server.url("/inner")})
    assert (looked.status_code, answers) == (200, [429])


def test_no_admin_makes_the_appliance_fetch_recordings_of_its_machine(
    start_appliance: StartAppliance,
) -> None:
    app = create_app(start_appliance())
    admin = signed_in(app, "admin")
    assert admin.put("/api/admin/settings/url_imports", json={"value": "true"}).status_code == 200
    refused = admin.put("/api/admin/settings/url_imports_private", json={"value": "true"})
    assert refused.status_code == 409
    looked = admin.post("/api/remote/inspect", json={"url": "http://127.0.0.1:9/talk.wav"})
    assert looked.status_code == 400
    assert "URL_IMPORTS_PRIVATE" in looked.json["error"]["message"]
