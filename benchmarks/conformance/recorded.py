"""Requests in the shape in which programs send them, and what these programs read of the responses."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import httpx

from benchmarks.conformance import schemas
from benchmarks.conformance.target import Row, Target, expect, expect_status

TRANSCRIPTIONS = "/v1/audio/transcriptions"
SRT_TIME = re.compile(r"^\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}$", re.MULTILINE)


def _post(
    target: Target,
    client: str,
    fields: Mapping[str, str | Sequence[str]],
    *,
    address: str = TRANSCRIPTIONS,
    name: str = "file",
    filename: str = "audio.wav",
    content: bytes | None = None,
) -> httpx.Response:
    sound = target.audio.read_bytes() if content is None else content
    with target.http(client) as http:
        return http.post(address, data=dict(fields), files={name: (filename, sound, "audio/wav")})


def _open_webui(target: Target) -> None:
    answer = expect_status(
        _post(target, "Python/3.11 aiohttp/3.11.11", {"model": target.model, "language": "en"})
    )
    target.check_words(answer.json()["text"])
    refused = _post(target, "Python/3.11 aiohttp/3.11.11", {"model": target.model, "language": "klingon"})
    expect(refused.status_code >= 400, "an unknown language is accepted")
    schemas.check_schema(refused.json(), schemas.ERROR, "error")


def _home_assistant(target: Target) -> None:
    with target.http("HomeAssistant") as http:
        schemas.check_schema(
            expect_status(http.get(f"/v1/models/{target.model}")).json(), schemas.MODEL, "model"
        )
    fields = {
        "language": "en",
        "model": target.model,
        "prompt": "",
        "response_format": "json",
        "temperature": "0",
    }
    target.check_words(expect_status(_post(target, "HomeAssistant", fields)).json()["text"])


def _n8n(target: Target) -> None:
    answer = expect_status(_post(target, "n8n", {"model": "whisper-1", "language": "en", "temperature": "0"}))
    schemas.check_schema(answer.json(), schemas.JSON, "json")
    target.check_words(answer.json()["text"])


def _nextcloud(target: Target) -> None:
    agent = "Nextcloud OpenAI/LocalAI integration"
    probe = _post(
        target,
        agent,
        {"model": "invalid-model", "response_format": "text"},
        address="/v1/audio/translations",
        content=b"no audio",
    )
    expect(probe.status_code not in (401, 404), f"the probe gets {probe.status_code}: no speech service")
    answer = expect_status(_post(target, agent, {"model": target.model, "response_format": "verbose_json"}))
    schemas.check_schema(answer.json(), schemas.VERBOSE, "verbose_json")
    expect(answer.json()["segments"][-1]["end"] > 0, "the last segment has no end")
    for format_name, start in ("srt", "1\n"), ("vtt", "WEBVTT\n"):
        fields = {"model": target.model, "response_format": format_name}
        text = expect_status(_post(target, agent, fields)).text
        expect(text.startswith(start), f"{format_name} begins with {text[:20]!r}")
        expect(SRT_TIME.search(text.replace(".", ",")), f"the times of {format_name} have no hours")


def _librechat(target: Target) -> None:
    answer = expect_status(_post(target, "axios/1.8.2", {"model": target.model, "language": "en"}))
    target.check_words(answer.json()["text"])


def _anythingllm(target: Target) -> None:
    fields = {"model": target.model, "response_format": "text", "temperature": "0"}
    answer = expect_status(_post(target, "OpenAI/JS 4.95.1", fields))
    expect(not answer.text.startswith(('"', "{")), "the text is JSON")
    target.check_words(answer.text)


def _obsidian(target: Target) -> None:
    origin = "app://obsidian.md"
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    with httpx.Client(verify=target.trust, trust_env=False) as http:
        preflight = http.options(f"{target.url}{TRANSCRIPTIONS}", headers=asked)
    allowed = preflight.headers.get("Access-Control-Allow-Origin")
    expect(preflight.status_code < 300 and allowed in (origin, "*"), f"the origin {origin} is not allowed")
    headers = preflight.headers.get("Access-Control-Allow-Headers", "").lower()
    expect("authorization" in headers or headers == "*", "the header Authorization is not allowed")
    with target.http("obsidian", Origin=origin) as http:
        answer = expect_status(
            http.post(
                TRANSCRIPTIONS,
                data={"model": target.model, "language": "en"},
                files={"file": ("recording.wav", target.audio.read_bytes(), "audio/wav")},
            )
        )
    expect(answer.headers.get("Access-Control-Allow-Origin") in (origin, "*"), "the response is not readable")
    target.check_words(answer.json()["text"])


def _vexa(target: Target) -> None:
    fields = {
        "model": target.model,
        "response_format": "verbose_json",
        "timestamp_granularities": ["word", "segment"],
    }
    answer = expect_status(_post(target, "python-httpx/0.28.1", fields))
    schemas.check_schema(answer.json(), schemas.VERBOSE, "verbose_json")
    expect(answer.json().get("words"), "there are no words")


def _openwhispr(target: Target) -> None:
    with target.http("OpenWhispr") as http:
        schemas.check_schema(expect_status(http.get("/v1/models")).json(), schemas.MODELS, "models")


def _dify(target: Target) -> None:
    with target.http("python-requests/2.32.3") as http:
        listed = {each["id"] for each in expect_status(http.get("/v1/models")).json()["data"]}
    expect(target.model in listed, f"{target.model} is not listed")
    answer = expect_status(
        _post(target, "python-requests/2.32.3", {"model": target.model, "response_format": "json"})
    )
    expect(answer.headers["Content-Type"].startswith("application/json"), "the type is not JSON")
    target.check_words(answer.json()["text"])


def _bazarr(target: Target) -> None:
    agent = "Bazarr/1.5"
    target = replace(target, key="")  # it has no place for one
    found = expect_status(
        _post(
            target,
            agent,
            {},
            address="/detect-language?encode=false",
            name="audio_file",
            filename="audio_file",
            content=target.pcm,
        )
    ).json()
    expect(found.get("language_code") and found.get("detected_language"), f"no language in {found}")
    answer = expect_status(
        _post(
            target,
            agent,
            {},
            address="/asr?task=transcribe&language=en&output=srt&encode=false",
            name="audio_file",
            filename="audio_file",
            content=target.pcm,
        )
    )
    expect(SRT_TIME.search(answer.text), "the body is no SRT")
    target.check_words(re.sub(r"\d\d:\S+|-->|^\d+$", " ", answer.text, flags=re.MULTILINE))


def _subgen(target: Target) -> None:
    address = "/asr?encode=true&output=json&word_timestamps=true&vad_filter=true"
    answer = expect_status(
        _post(target, "python-requests/2.32.3", {}, address=address, name="audio_file")
    ).json()
    expect(answer["segments"][0]["words"], "the segments have no words")
    target.check_words(answer["text"])


def _whisper_cpp(target: Target) -> None:
    for format_name in "json", "text", "srt", "vtt", "verbose_json":
        fields = {"temperature": "0.0", "response_format": format_name}
        answer = expect_status(_post(target, "curl/8.5.0", fields, address="/inference"))
        body = answer.json()["text"] if format_name.endswith("json") else answer.text
        target.check_words(re.sub(r"\d\d:\S+|-->|^\d+$|WEBVTT", " ", body, flags=re.MULTILINE))


ROWS = (
    Row("Open WebUI", "text and errors", "recorded", _open_webui),
    Row("Home Assistant (OpenAI)", "model, then text", "recorded", _home_assistant),
    Row("n8n", "text", "recorded", _n8n),
    Row("Nextcloud", "probe, segments, subtitles", "recorded", _nextcloud),
    Row("LibreChat", "text", "recorded", _librechat),
    Row("AnythingLLM", "plain text", "recorded", _anythingllm),
    Row("Obsidian Whisper", "preflight, text", "recorded", _obsidian),
    Row("Vexa", "words without brackets", "recorded", _vexa),
    Row("OpenWhispr", "models", "recorded", _openwhispr),
    Row("Dify", "listed model, JSON", "recorded", _dify),
    Row("Bazarr", "language, subtitles of raw samples", "recorded", _bazarr),
    Row("Subgen, Speakr", "/asr with words", "recorded", _subgen),
    Row("whisper.cpp clients", "every format of /inference", "recorded", _whisper_cpp),
)
