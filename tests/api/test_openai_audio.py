"""OpenAI's audio API with its official client, over TLS, against the real program and a real model."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.live_client import settings_of
from tests.support.program import REAL, Server, served
from tests.support.realtime_client import openai_client

pytestmark = pytest.mark.slow  # starts the real program

TEXT = "fail better"
SEGMENT_FIELDS = {
    "id": int, "seek": int, "start": float, "end": float, "text": str, "tokens": list, "temperature": float,
    "avg_logprob": float, "compression_ratio": float, "no_speech_prob": float,
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("openai")
    variables = settings_of(tiny_en, folder) | {"MODEL_ALIASES": "our-name=tiny.en", "REPEAT_SECONDS": "0"}
    with served(folder, REAL, **variables) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai_client(server) as opened:
        yield opened


def test_json_is_the_default(client: openai.OpenAI, beckett: Path) -> None:
    with beckett.open("rb") as file:
        made = client.audio.transcriptions.create(file=file, model="whisper-1")
    assert TEXT in made.text.lower()
    assert made.usage
    assert made.usage.type == "duration"
    assert made.usage.seconds == pytest.approx(10, abs=0.5)


def test_verbose_json_has_words_beside_segments(client: openai.OpenAI, beckett: Path) -> None:
    made: Any = client.audio.transcriptions.create(
        file=beckett,
        model="our-name",
        language="en",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    body = made.to_dict()
    assert (body["task"], body["language"]) == ("transcribe", "english")
    for segment in body["segments"]:
        assert {name: type(segment[name]) for name in SEGMENT_FIELDS} == SEGMENT_FIELDS
        assert segment["tokens"]
        assert "words" not in segment
    assert {"word", "start", "end"} == set(body["words"][0])
    assert " ".join(word["word"] for word in body["words"]) == body["text"]


def test_only_segments_come_where_no_words_are_asked_for(client: openai.OpenAI, beckett: Path) -> None:
    made: Any = client.audio.transcriptions.create(
        file=beckett, model="whisper-1", response_format="verbose_json"
    )
    assert made.segments
    assert made.words is None


@pytest.mark.parametrize(
    ("response_format", "start"), [("text", ""), ("srt", "1\n00:00:0"), ("vtt", "WEBVTT\n\n00:00:0")]
)
def test_text_formats_are_plain_text(
    client: openai.OpenAI, beckett: Path, response_format: Any, start: str
) -> None:
    made = str(
        client.audio.transcriptions.create(file=beckett, model="whisper-1", response_format=response_format)
    )
    assert made.startswith(start)
    assert TEXT in made.lower().replace("\n", " ")
    assert not made.startswith('"')


def test_diarized_json_names_the_channel(client: openai.OpenAI, beckett: Path) -> None:
    made: Any = client.audio.transcriptions.create(
        file=beckett, model="gpt-4o-transcribe-diarize", response_format="diarized_json"
    )
    body = made.to_dict()
    assert {segment["speaker"] for segment in body["segments"]} == {"A"}
    assert all(segment["type"] == "transcript.text.segment" for segment in body["segments"])
    assert all(isinstance(segment["id"], str) for segment in body["segments"])


def test_log_probabilities_are_those_of_the_words(client: openai.OpenAI, beckett: Path) -> None:
    made = client.audio.transcriptions.create(file=beckett, model="whisper-1", include=["logprobs"])
    assert made.logprobs
    assert "".join(str(each.token) for each in made.logprobs).strip() == made.text
    assert all(each.logprob is not None and each.logprob <= 0 for each in made.logprobs)


def test_the_deltas_of_a_stream_join_to_its_text(client: openai.OpenAI, beckett: Path) -> None:
    with client.audio.transcriptions.create(file=beckett, model="whisper-1", stream=True) as stream:
        events = list(stream)
    *deltas, done = events
    assert deltas
    assert done.type == "transcript.text.done"
    assert "".join(event.delta for event in deltas if event.type == "transcript.text.delta") == done.text
    assert TEXT in done.text.lower()
    assert done.usage
    assert done.usage.total_tokens > done.usage.input_tokens > 0


def test_the_log_probabilities_of_a_streams_deltas_are_those_of_its_end(
    client: openai.OpenAI, beckett: Path
) -> None:
    with client.audio.transcriptions.create(
        file=beckett, model="whisper-1", stream=True, include=["logprobs"]
    ) as stream:
        *deltas, done = list(stream)
    assert done.type == "transcript.text.done"
    assert done.logprobs
    sent = [each for event in deltas for each in getattr(event, "logprobs", None) or ()]
    assert [each.token for each in sent] == [each.token for each in done.logprobs]


def test_the_asynchronous_client_works_too(server: Server, beckett: Path) -> None:
    async def transcribe() -> str:
        with openai_client(server) as sync:
            async with openai.AsyncOpenAI(
                api_key="anything",
                base_url=sync.base_url,
                http_client=openai.DefaultAsyncHttpxClient(verify=server.trusting),
            ) as client:
                made = await client.audio.transcriptions.create(file=beckett, model="whisper-1")
                return made.text

    assert TEXT in asyncio.run(transcribe()).lower()


def test_a_model_that_cannot_translate_is_a_bad_request(client: openai.OpenAI, beckett: Path) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.translations.create(file=beckett, model="whisper-1")
    assert "cannot translate" in str(refused.value)


def test_models_are_listed_and_found_by_every_name(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert len(names) == len(set(names))
    assert {"tiny.en", "our-name", "whisper-1", "gpt-4o-transcribe"} <= set(names)
    for name in names:
        model = client.models.retrieve(name)
        assert (model.id, model.object) == (name, "model")
        assert model.created > 1_600_000_000
    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("org/nothing")
    assert missing.value.code == "model_not_found"


def test_a_visitor_deletes_no_model(client: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError):
        client.models.delete("tiny.en")


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"model": "no-such-model"}, "model"),
        ({"language": "klingon"}, "language"),
        ({"language": "en", "extra_body": {"languages": ["en", "de"]}}, "languages"),
        ({"extra_body": {"keywords": ["fine", "<b>"]}}, "keywords"),
        ({"temperature": 3}, "temperature"),
        ({"response_format": "docx"}, "response_format"),
        ({"response_format": "text", "include": ["logprobs"]}, "include"),
    ],
)
def test_a_wrong_option_is_named_in_the_envelope(
    client: openai.OpenAI, beckett: Path, options: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.transcriptions.create(**({"file": beckett, "model": "whisper-1"} | options))  # type: ignore[call-overload] # wrong on purpose
    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert refused.value.request_id


def test_a_file_that_is_no_audio_is_a_bad_request(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.transcriptions.create(file=("x.mp3", b"no audio at all"), model="whisper-1")
    assert refused.value.message


def test_other_addresses_of_the_api_answer_with_the_envelope(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello"}])
    assert set(missing.value.response.json()["error"]) == {"message", "type", "param", "code"}


def test_fields_work_without_brackets(server: Server, client: openai.OpenAI, beckett: Path) -> None:
    with openai.DefaultHttpxClient(verify=server.trusting, timeout=60) as plain:
        answer = plain.post(
            f"{client.base_url}audio/transcriptions",
            data={"model": "whisper-1", "response_format": "verbose_json", "timestamp_granularities": "word"},
            files={"file": ("a.wav", beckett.read_bytes())},
        )
    assert json.loads(answer.text)["words"]
    assert "segments" not in answer.json()


def test_fields_may_come_behind_the_file(server: Server, client: openai.OpenAI, beckett: Path) -> None:
    """As curl sends them in the order of its options."""
    parts = [
        ("file", ("a.wav", beckett.read_bytes())),
        ("model", (None, b"our-name")),
        ("response_format", (None, b"text")),
    ]
    with openai.DefaultHttpxClient(verify=server.trusting, timeout=60) as plain:
        answer = plain.post(f"{client.base_url}audio/transcriptions", files=parts)
        wrong = plain.post(
            f"{client.base_url}audio/transcriptions", files=[parts[0], ("model", (None, b"no-such-model"))]
        )
    assert answer.status_code == 200
    assert TEXT in answer.text.lower()
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "model")
