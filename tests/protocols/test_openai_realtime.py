"""OpenAI's realtime transcription, with the real openai client over TLS."""

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.live_client import LIVE_SERVER, settings_of
from tests.support.program import Server, served
from tests.support.realtime_client import (
    COMPLETED,
    DELTA,
    PCM_16K,
    Event,
    RealtimeClient,
    connected,
    openai_client,
)
from tests.support.speech import BROKEN_WORD, silence, spoken
from tests.support.wait import wait_until

pytestmark = pytest.mark.slow  # starts the real program

WORDS = "w1 w2 w3 w4 w5 w6 w7"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("realtime")
    variables = settings_of(tiny_en, folder) | {"LIVE_SESSIONS": "50"}
    with served(folder, LIVE_SERVER, **variables) as running:
        yield running


@pytest.fixture
def session(server: Server) -> Iterator[RealtimeClient]:
    with connected(server) as opened:
        yield opened


def test_a_commit_without_vad_completes_what_was_appended(session: RealtimeClient) -> None:
    session.configure(turn_detection=None)
    session.append(spoken(1, 8))
    session.send("input_audio_buffer.commit")
    committed = session.next("input_audio_buffer.committed")
    completed = session.next(COMPLETED)
    assert completed["transcript"] == session.deltas == WORDS
    assert completed["item_id"] == committed["item_id"]
    assert completed["usage"] == {"type": "duration", "seconds": 2.8}
    assert completed["languages"] == [{"code": "en"}]
    assert session.of("conversation.item.added")[0]["item"]["id"] == committed["item_id"]


def test_deltas_arrive_before_the_commit(session: RealtimeClient) -> None:
    session.configure(turn_detection=None, transcription={"model": "gpt-live-transcribe", "delay": "minimal"})
    session.append(spoken(1, 8) + silence(1))  # at a pause, words are sure
    assert session.next(DELTA)["delta"].startswith("w1")
    session.send("input_audio_buffer.commit")
    assert session.next(COMPLETED)["transcript"] == WORDS == session.deltas


def test_server_vad_ends_an_item_at_a_pause(session: RealtimeClient) -> None:
    session.configure(turn_detection={"type": "server_vad", "silence_duration_ms": 400})
    session.append(silence(0.5) + spoken(1, 4) + silence(1) + spoken(4, 8) + silence(1))
    first, second = session.next(COMPLETED), session.next(COMPLETED)
    assert [first["transcript"], second["transcript"]] == ["w1 w2 w3", "w4 w5 w6 w7"]
    started, stopped = (session.of(f"input_audio_buffer.speech_{kind}") for kind in ("started", "stopped"))
    assert [event["item_id"] for event in started] == [first["item_id"], second["item_id"]]
    assert 150 <= started[0]["audio_start_ms"] <= 250
    assert 2050 <= stopped[0]["audio_end_ms"] <= 2150
    committed = session.of("input_audio_buffer.committed")
    assert [event["previous_item_id"] for event in committed] == [None, first["item_id"]]


def test_a_commit_during_speech_ends_the_item_there(session: RealtimeClient) -> None:
    session.configure()
    session.append(spoken(1, 5))
    session.send("input_audio_buffer.commit")
    assert session.next(COMPLETED)["transcript"] == "w1 w2 w3 w4"
    session.append(spoken(5, 8) + silence(1))
    assert session.next(COMPLETED)["transcript"] == "w5 w6 w7"


def test_semantic_vad_waits_for_the_end_of_a_sentence(session: RealtimeClient) -> None:
    session.configure(turn_detection={"type": "semantic_vad", "eagerness": "high"})
    session.append(spoken(1, 4) + silence(1) + spoken(4, 8) + silence(2.5))
    assert session.next(COMPLETED)["transcript"] == WORDS


def test_an_item_whose_engine_fails_is_told_and_the_next_one_works(session: RealtimeClient) -> None:
    session.configure(turn_detection=None)
    session.append(spoken(BROKEN_WORD, BROKEN_WORD + 1) + silence(1))
    session.send("input_audio_buffer.commit")
    committed = session.next("input_audio_buffer.committed")
    failed = session.next("conversation.item.input_audio_transcription.failed")
    assert (failed["item_id"], failed["content_index"]) == (committed["item_id"], 0)
    assert failed["error"]["code"] == "engine_failed"
    assert failed["error"]["message"].endswith(".")
    session.append(spoken(1, 4) + silence(1))
    session.send("input_audio_buffer.commit")
    assert session.next(COMPLETED)["transcript"] == "w1 w2 w3"


def test_silence_becomes_an_item_after_the_idle_timeout(session: RealtimeClient) -> None:
    session.configure(turn_detection={"type": "server_vad", "idle_timeout_ms": 1000})
    session.append(spoken(1, 4) + silence(3))
    session.next(COMPLETED)
    timeout = session.next("input_audio_buffer.timeout_triggered")
    assert timeout["audio_end_ms"] > timeout["audio_start_ms"] >= 1200
    assert session.next(COMPLETED)["item_id"] == timeout["item_id"]


def test_cleared_audio_makes_no_item(session: RealtimeClient) -> None:
    session.configure(turn_detection=None)
    session.append(spoken(1, 4))
    session.send("input_audio_buffer.clear")
    session.next("input_audio_buffer.cleared")
    session.append(spoken(4, 8))
    session.send("input_audio_buffer.commit")
    assert session.next(COMPLETED)["transcript"] == "w4 w5 w6 w7"
    assert len(session.of("input_audio_buffer.committed")) == 1


def test_logprobs_come_where_they_are_included(session: RealtimeClient) -> None:
    given = {"type": "transcription", "include": ["item.input_audio_transcription.logprobs"]}
    session.send("session.update", session=given)
    session.next("session.updated")
    session.configure(turn_detection=None)
    session.append(spoken(1, 4))
    session.send("input_audio_buffer.commit")
    logprobs = session.next(COMPLETED)["logprobs"]
    assert "".join(each["token"] for each in logprobs).strip() == "w1 w2 w3"
    assert logprobs[0] == {
        "token": " w1",
        "bytes": [32, 119, 49],
        "logprob": pytest.approx(-0.105, abs=0.001),
    }


def test_an_update_keeps_what_it_leaves_out_and_null_clears(session: RealtimeClient) -> None:
    session.configure(noise_reduction={"type": "near_field", "strength": 0.5}, turn_detection=None)
    updated = session.configure(noise_reduction={"type": "far_field"}, transcription={"model": "whisper-1"})
    given = updated["session"]["audio"]["input"]
    assert given["noise_reduction"] == {"type": "far_field", "strength": 0.5}
    assert given["turn_detection"] is None
    assert session.configure(noise_reduction=None)["session"]["audio"]["input"]["noise_reduction"] is None


@pytest.mark.parametrize(
    ("audio_input", "param"),
    [
        ({"format": {"type": "audio/ogg"}}, "session.audio.input.format.type"),
        ({"format": {"type": "audio/pcm", "rate": 44_100}}, "session.audio.input.format"),
        ({"transcription": {"language": "klingon"}}, "language"),
        ({"transcription": {"language": "en", "languages": ["de"]}}, "session.audio.input.transcription"),
        ({"transcription": {"keywords": ["a", "b\nc"]}}, "session.audio.input.transcription.keywords"),
        ({"transcription": {"model": "no-such-model"}}, "model"),
        ({"turn_detection": {"type": "psychic_vad"}}, "session.audio.input.turn_detection"),
        ({"turn_detection": 5}, "session.audio.input.turn_detection"),
    ],
)
def test_an_update_that_cannot_be_used_is_an_error_and_changes_nothing(
    session: RealtimeClient, audio_input: dict[str, object], param: str
) -> None:
    error = session.configure(**audio_input)["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    session.configure(turn_detection=None)
    session.append(spoken(1, 3))
    session.send("input_audio_buffer.commit")
    assert session.next(COMPLETED)["transcript"] == "w1 w2"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty"),
        ({"type": "input_audio_buffer.append", "audio": "not base64!"}, "invalid_request"),
        ({"type": "input_audio_buffer.append", "audio": 5}, "invalid_request"),
        ({"type": "input_audio_buffer.append"}, "invalid_request"),
        ({"type": "response.create"}, "invalid_request"),
        ({"type": "conversation.item.create", "item": {}}, "invalid_request"),
        ({"type": "no.such.event"}, "invalid_request"),
        ({"type": "session.update", "session": {"type": "realtime"}}, "invalid_request"),
        ({"type": "session.update", "session": []}, "invalid_request"),
        ({"type": 5}, "invalid_request"),
        ({}, "invalid_request"),
    ],
)
def test_an_event_that_cannot_be_used_is_answered_by_an_error(
    session: RealtimeClient, event: Event, code: str
) -> None:
    session.connection.send_raw(json.dumps({**event, "event_id": "mine"}))
    error = session.next("error")["error"]
    assert error["code"] == code
    assert error["event_id"] == ("mine" if isinstance(event.get("type"), str) else None)
    session.configure(turn_detection=None)  # the session stays open


@pytest.mark.parametrize("message", ["{", "[" * 100_000, "null", b"\xff\xfe", "5"])
def test_a_message_that_is_no_event_is_answered_by_an_error(
    session: RealtimeClient, message: str | bytes
) -> None:
    session.connection.send_raw(message)
    assert session.next("error")["error"]["type"] == "invalid_request_error"
    session.configure(turn_detection=None)


def test_an_append_of_16_mib_is_refused_and_the_session_stays_open(session: RealtimeClient) -> None:
    session.send("input_audio_buffer.append", audio=base64.b64encode(bytes(16 * 2**20)).decode())
    assert session.next("error")["error"]["code"] == "too_large"
    session.configure(turn_detection=None)
    session.append(spoken(1, 3))
    session.send("input_audio_buffer.commit")
    assert session.next(COMPLETED)["transcript"] == "w1 w2"


def test_an_early_close_keeps_the_transcript(server: Server) -> None:
    with connected(server) as session:
        session.configure(turn_detection=None)
        session.append(spoken(1, 8) + silence(1))  # at a pause, words are sure
        item = session.next(DELTA)["item_id"]
    live_id = item.split("_")[1]
    body = wait_until(
        lambda: found[1] if (found := server.get(f"/api/transcripts/{live_id}"))[0] == 200 else ""
    )
    assert WORDS in body


def test_a_client_secret_opens_the_session_it_was_made_for(server: Server) -> None:
    given: Any = {"type": "transcription", "audio": {"input": {"turn_detection": None, "format": PCM_16K}}}
    secret = openai_client(server).realtime.client_secrets.create(
        session=given, expires_after={"anchor": "created_at", "seconds": 60}
    )
    assert secret.value.startswith("ek_")
    with connected(server, secret.value) as session:
        created = session.of("session.created")[0]["session"]
        assert created["audio"]["input"]["turn_detection"] is None
        session.append(spoken(1, 8))
        session.send("input_audio_buffer.commit")
        assert session.next(COMPLETED)["transcript"] == WORDS


def test_a_foreign_secret_is_refused(server: Server) -> None:
    with pytest.raises(Exception, match="401"), connected(server, "ek_" + "x" * 43):
        raise AssertionError("it connected")


def test_the_older_beta_names_work(server: Server) -> None:
    with connected(server, extra_headers={"OpenAI-Beta": "realtime=v1"}) as session:
        assert session.events[0]["type"] == "transcription_session.created"
        given = {"input_audio_format": "g711_ulaw", "turn_detection": None}
        session.send("transcription_session.update", session=given)
        updated = session.next("transcription_session.updated")["session"]
        assert updated["input_audio_format"] == "g711_ulaw"
        assert updated["turn_detection"] is None
        session.send("input_audio_buffer.append", audio=base64.b64encode(b"\xff" * 8000).decode())
        session.send("input_audio_buffer.commit")
        assert session.next(COMPLETED)["transcript"] == ""
        assert session.of("conversation.item.created")


def test_a_beta_session_is_made_over_http(server: Server) -> None:
    made = openai_client(server).beta.realtime.transcription_sessions.create(
        input_audio_format="g711_alaw", turn_detection={"type": "server_vad"}
    )
    assert made.input_audio_format == "g711_alaw"
    with connected(server, made.client_secret.value) as session:
        given = session.of("session.created")[0]["session"]["audio"]["input"]
        assert given["format"] == {"type": "audio/pcma"}


@pytest.mark.parametrize("path", ["/v1/realtime", "/v1/realtime/translations"])
def test_a_request_without_upgrade_is_a_clear_error(server: Server, path: str) -> None:
    status, body = server.get(path)
    assert status == 400
    assert "WebSocket" in json.loads(body)["error"]["message"]


def test_the_async_client_transcribes(server: Server) -> None:
    async def transcribe() -> str:
        http_client = openai.DefaultAsyncHttpxClient(verify=server.trusting)
        client = openai.AsyncOpenAI(api_key="any", base_url=f"{server.url}/v1", http_client=http_client)
        trusting: Any = {"ssl": server.trusting}
        connecting = client.realtime.connect(
            extra_query={"intent": "transcription"}, websocket_connection_options=trusting
        )
        session: Any = {
            "type": "transcription",
            "audio": {"input": {"format": PCM_16K, "turn_detection": None}},
        }
        async with connecting as connection:
            await connection.session.update(session=session)
            await connection.input_audio_buffer.append(audio=base64.b64encode(spoken(1, 8)).decode())
            await connection.input_audio_buffer.commit()
            async for event in connection:
                if event.type == "conversation.item.input_audio_transcription.completed":
                    return event.transcript
        return ""

    assert asyncio.run(transcribe()) == WORDS
