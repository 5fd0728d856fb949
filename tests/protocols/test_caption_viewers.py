"""Viewers of captions: a link gives read-only access to the captions until it is revoked."""

import http.client
import json
from typing import Any

import pytest

from tests.support.live_client import Payload, RecordingClient, client, committed
from tests.support.program import Server
from tests.support.speech import silence, spoken
from tests.support.wait import wait_until

pytestmark = pytest.mark.slow  # starts the real program


def link(server: Server, method: str, session: str, token: str = "") -> tuple[int, Any]:
    """Sends POST or DELETE for the link of a session."""
    connection = http.client.HTTPSConnection("localhost", server.port, context=server.trusting, timeout=20)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request(method, f"/api/live/{session}/captions", headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, json.loads(body) if body else None


def shared(server: Server, opened: Payload) -> str:
    status, answer = link(server, "POST", opened["session"], opened["token"])
    assert status == 200
    assert answer["path"] == f"/captions/{answer['token']}"
    return str(answer["token"])


def test_a_late_viewer_gets_a_snapshot_and_then_the_new_events(
    server: Server, speaker: RecordingClient
) -> None:
    opened = speaker.start()
    have = speaker.stream(opened, spoken(1, 8) + silence(1))
    wait_until(lambda: committed(speaker.of("live:commit")).split() == [f"w{each}" for each in range(1, 8)])
    token = shared(server, opened)
    with client(server) as reader:
        watched = reader.call("captions:watch", {"token": token})
        assert watched["task"] == "transcribe"
        snapshot = watched["snapshot"]
        assert snapshot["text"].startswith("w1 w2 w3")
        end = speaker.stop(opened, speaker.stream(opened, spoken(8, 14) + silence(1), have))
        seen = reader.first("live:end")
        new = [p for p in reader.of("live:commit") if p["eid"] > snapshot["eid"]]
        assert f"{snapshot['text']}{committed(new)}" == end["text"]
        assert seen == {**seen, "s": token, "text": end["text"]}
        assert "transcript_id" not in seen
        assert opened["session"] not in json.dumps(reader.received)


def test_the_captions_page_opens_with_the_link_only(server: Server, speaker: RecordingClient) -> None:
    opened = speaker.start()
    token = shared(server, opened)
    assert shared(server, opened) == token
    status, body = server.get(f"/captions/{token}")
    assert status == 200
    assert token in body
    assert server.get("/captions/wrong")[0] == 404
    speaker.call("live:cancel", {"session": opened["session"]})


def test_a_revoked_link_disconnects_its_viewers(server: Server, speaker: RecordingClient) -> None:
    opened = speaker.start()
    token = shared(server, opened)
    with client(server) as reader:
        assert reader.call("captions:watch", {"token": token})["ok"]
        assert link(server, "DELETE", opened["session"], opened["token"])[0] == 204
        assert reader.first("captions:closed") == {"token": token}
        speaker.stop(opened, speaker.stream(opened, spoken(1, 8) + silence(1)))
        assert reader.of("live:commit", "live:end") == []
        assert reader.call("captions:watch", {"token": token})["code"] == "gone"
    assert server.get(f"/captions/{token}")[0] == 404


def test_a_guess_at_a_link_opens_no_captions(server: Server, speaker: RecordingClient) -> None:
    opened = speaker.start()
    token = shared(server, opened)
    with client(server) as reader:
        for guess in ("", opened["session"], opened["token"], token[:-1], f"{token}x", token.swapcase()):
            assert reader.call("captions:watch", {"token": guess})["code"] in ("gone", "bad_message"), guess
            assert not guess or server.get(f"/captions/{guess}")[0] == 404
        assert reader.call("captions:watch", {"token": token})["ok"]
        link(server, "DELETE", opened["session"], opened["token"])
        assert shared(server, opened) != token
        assert reader.call("captions:watch", {"token": token})["code"] == "gone"
    speaker.call("live:cancel", {"session": opened["session"]})


def test_a_link_needs_the_token_of_the_session(server: Server, speaker: RecordingClient) -> None:
    opened = speaker.start()
    for token in ("", "wrong"):
        for method in ("POST", "DELETE"):
            status, answer = link(server, method, opened["session"], token)
            assert (status, answer["error"]["code"]) == (404, "not_found")
    speaker.call("live:cancel", {"session": opened["session"]})


def test_viewers_cannot_send_audio_or_control_the_session(server: Server, speaker: RecordingClient) -> None:
    opened = speaker.start()
    token = shared(server, opened)
    with client(server) as reader:
        assert reader.call("captions:watch", {"token": token})["ok"]
        session = opened["session"]
        assert reader.call("live:audio", {"s": session, "q": 0}, bytes(2))["code"] == "gone"
        assert reader.call("live:stop", {"session": session, "next_seq": 0})["code"] == "gone"
        assert reader.call("live:resume", {"session": session, "token": token})["code"] == "gone"
    speaker.call("live:cancel", {"session": opened["session"]})
    wait_until(lambda: speaker.of("live:end"))
