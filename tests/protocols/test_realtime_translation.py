"""Realtime translation sessions: English text, and a clear error for all else."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.live_client import LIVE_SERVER, settings_of
from tests.support.program import Server, served
from tests.support.realtime_client import openai_client, trusting_without_tickets
from tests.support.speech import spoken
from tests.support.wait import wait_until

pytestmark = pytest.mark.slow  # starts the real program

MODEL = "gpt-realtime-translate"
SESSIONS = 3
"""Live sessions of one client: those of one translation with the words of the speaker, and one more."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    """A model of one's own may translate; live speech is scripted, so its weights do not matter."""
    folder = tmp_path_factory.mktemp("translation")
    variables = settings_of(tiny_en, folder)
    (folder / "models/own").symlink_to(tiny_en)
    with served(
        folder, LIVE_SERVER, **variables | {"WHISPER_MODEL": "own", "LIVE_SESSIONS_PER_USER": str(SESSIONS)}
    ) as running:
        yield running


@contextmanager
def connected(server: Server, model: str = MODEL, key: str = "any") -> Iterator[Any]:
    trusting: Any = {"ssl": trusting_without_tickets(server)}
    connecting = openai_client(server, key).realtime.translations.connect(
        model=model, websocket_connection_options=trusting
    )
    with connecting as connection:
        yield connection


def test_speech_becomes_english_text_until_the_session_is_closed(server: Server) -> None:
    with connected(server) as connection:
        created = connection.recv()
        assert created.type == "session.created"
        assert created.session.audio.output.language == "en"
        audio = base64.b64encode(spoken(1, 8) + bytes(48_000)).decode()
        connection.send({"type": "session.input_audio_buffer.append", "audio": audio})
        connection.send({"type": "session.close"})
        events = [event.model_dump() for event in connection]
    assert events[-1]["type"] == "session.closed"
    text = "".join(event["delta"] for event in events if event["type"] == "session.output_transcript.delta")
    assert text.startswith("w1")


def test_the_words_of_the_speaker_come_too_where_they_are_wanted(server: Server) -> None:
    with connected(server) as connection:
        connection.recv()
        source = {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}
        connection.send({"type": "session.update", "session": {"audio": source}})
        assert connection.recv().session.audio.input.transcription.model == "gpt-realtime-whisper"
        audio = base64.b64encode(spoken(1, 8) + bytes(48_000)).decode()
        connection.send({"type": "session.input_audio_buffer.append", "audio": audio})
        connection.send({"type": "session.close"})
        events = [event.model_dump() for event in connection]
    assert events[-1]["type"] == "session.closed"
    texts = [
        "".join(event["delta"] for event in events if event["type"] == f"session.{side}_transcript.delta")
        for side in ("input", "output")
    ]
    assert texts[0] == texts[1]  # the script of speech translates nothing
    assert texts[0].startswith("w1")


def test_at_the_limit_of_live_sessions_the_translation_goes_on_without_the_words_of_the_speaker(
    server: Server,
) -> None:
    wait_until(lambda: json.loads(server.get("/api/status")[1])["live"]["sessions"] == 0)
    with connected(server) as other, connected(server) as connection:
        for each in (other, connection):
            each.recv()
            source = {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}
            each.send({"type": "session.update", "session": {"audio": source}})
            assert each.recv().type == "session.updated"
        audio = base64.b64encode(spoken(1, 8) + bytes(48_000)).decode()
        other.send({"type": "session.input_audio_buffer.append", "audio": audio})
        assert other.recv().type.endswith("_transcript.delta")  # both of its live sessions are open
        for _ in range(2):
            connection.send({"type": "session.input_audio_buffer.append", "audio": audio})
        connection.send({"type": "session.close"})
        events = [event.model_dump() for event in connection]
    assert events[-1]["type"] == "session.closed"
    refused = [event["error"]["message"] for event in events if event["type"] == "error"]
    assert refused == ["Your address has as many live sessions as it may. End one first."]
    texts = [event["delta"] for event in events if event["type"] == "session.output_transcript.delta"]
    assert "".join(texts).startswith("w1")
    assert not any(event["type"] == "session.input_transcript.delta" for event in events)


@pytest.mark.parametrize(
    ("session", "param"),
    [
        ({"audio": {"output": {"language": "fr"}}}, "session.audio.output.language"),
        ({"audio": {"input": {"transcription": {"model": 5}}}}, "session.audio.input.transcription.model"),
        ({"audio": 5}, "session.audio"),
    ],
)
def test_what_it_cannot_do_is_a_clear_error(server: Server, session: Any, param: str) -> None:
    with connected(server) as connection:
        connection.recv()
        connection.send({"type": "session.update", "session": session})
        assert connection.recv().error.param == param
    wanted: Any = {"model": MODEL, **session}
    with pytest.raises(openai.BadRequestError) as refused:
        openai_client(server).realtime.translations.client_secrets.create(session=wanted)
    assert refused.value.param == param


def test_an_english_only_model_is_refused(server: Server) -> None:
    with connected(server, "tiny.en") as connection:
        assert "cannot translate" in connection.recv().error.message


def test_a_client_secret_opens_a_translation(server: Server) -> None:
    secret = openai_client(server).realtime.translations.client_secrets.create(session={"model": MODEL})
    with connected(server, key=secret.value) as connection:
        assert connection.recv().session.model == MODEL
