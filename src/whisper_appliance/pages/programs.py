"""The programs of the page "Connect a program": where their settings are, and what to put there.

A new program is an entry in `PROGRAMS`. In values and examples, `{origin}` is the address of the appliance,
`{websocket}` the same for WebSockets, `{host}` its name, `{wyoming_port}` that of Wyoming, `{key}` the key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from whisper_appliance.core.i18n import N_

WYOMING = "wyoming"
KeyUse = Literal["required", "optional", "none"]
"""Whether a program needs some key, can leave it out, or has no place for one."""
Trust = Literal["python", "requests", "node", "curl", "nextcloud", "device", "none"]
"""How a program learns to trust a certificate authority; `device`: as its operating system does."""


@dataclass(frozen=True, slots=True)
class FieldValue:
    """One field of a program's settings; `name` is what the program calls it."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Program:
    """One program."""

    id: str
    name: str
    protocol: str
    """One of PROTOCOL_NAMES, or Wyoming."""
    use: str
    """What it is good for, in a few words."""
    where: str
    """Where its settings are."""
    values: Sequence[FieldValue]
    key: KeyUse
    trust: Trust
    key_name: str = "API key"
    example: str = ""
    note: str = ""
    """What else it needs."""
    origin: str = ""
    """The origin of its requests, if it is a browser's: CORS_ORIGINS must have it."""


OPENAI_PROGRAMS = (
    Program(
        "openai-python",
        "OpenAI, Python",
        "openai",
        N_("The official Python client"),
        N_("Two arguments of the client."),
        (FieldValue("base_url", "{origin}/v1"), FieldValue("model", "whisper-1")),
        "required",
        "python",
        key_name="api_key",
        example="""from openai import OpenAI

client = OpenAI(base_url="{origin}/v1", api_key="{key}")
with open("talk.mp3", "rb") as recording:
    made = client.audio.transcriptions.create(file=recording, model="whisper-1")
print(made.text)""",
    ),
    Program(
        "openai-javascript",
        "OpenAI, JavaScript",
        "openai",
        N_("The official client for Node"),
        N_("Two options of the client."),
        (FieldValue("baseURL", "{origin}/v1"), FieldValue("model", "whisper-1")),
        "required",
        "node",
        key_name="apiKey",
        example="""import fs from "node:fs";
import OpenAI from "openai";

const client = new OpenAI({{ baseURL: "{origin}/v1", apiKey: "{key}" }});
const made = await client.audio.transcriptions.create({{
  file: fs.createReadStream("talk.mp3"),
  model: "whisper-1",
}});
console.log(made.text);""",
    ),
    Program(
        "open-webui",
        "Open WebUI",
        "openai",
        N_("Speak to a chat"),
        N_("Admin Panel, Settings, Audio: set Speech-to-Text Engine to OpenAI."),
        (FieldValue("API Base URL", "{origin}/v1"), FieldValue("STT Model", "whisper-1")),
        "required",
        "requests",
        key_name="API Key",
    ),
    Program(
        "home-assistant-openai",
        "Home Assistant, OpenAI",
        "openai",
        N_("Voice control, with an integration for OpenAI-compatible speech to text"),
        N_("Settings, Devices & services, Add integration."),
        (FieldValue("URL", "{origin}/v1"), FieldValue("Model", "whisper-1")),
        "required",
        "device",
        key_name="API Key",
    ),
    Program(
        "home-assistant-wyoming",
        "Home Assistant, Wyoming",
        WYOMING,
        N_("Voice control, with words that are transcribed while somebody speaks"),
        N_("Settings, Devices & services: it is found by itself, or add Wyoming Protocol."),
        (FieldValue("Host", "{host}"), FieldValue("Port", "{wyoming_port}")),
        "none",
        "none",
    ),
    Program(
        "n8n",
        "n8n",
        "openai",
        N_("Transcribe a recording in a workflow"),
        N_("Credentials, OpenAI; the node is OpenAI, Transcribe a recording."),
        (FieldValue("Base URL", "{origin}/v1"),),
        "required",
        "node",
        key_name="API Key",
    ),
    Program(
        "nextcloud",
        "Nextcloud",
        "openai",
        N_("Transcribe in Nextcloud Assistant, with the app OpenAI and LocalAI integration"),
        N_("Administration settings, Artificial intelligence."),
        (
            FieldValue("Service URL", "{origin}/v1"),
            FieldValue("Default speech-to-text model to use", "whisper-1"),
        ),
        "required",
        "nextcloud",
        key_name="API key",
    ),
    Program(
        "obsidian-whisper",
        "Obsidian Whisper",
        "openai",
        N_("Dictate notes, with the community plugin Whisper"),
        N_("Settings, Community plugins, Whisper."),
        (FieldValue("API URL", "{origin}/v1/audio/transcriptions"), FieldValue("Model", "whisper-1")),
        "required",
        "device",
        key_name="API Key",
        note=N_(
            "On a phone, Obsidian is another page: CORS_ORIGINS also needs capacitor://localhost for an "
            "iPhone or iPad, http://localhost for Android."
        ),
        origin="app://obsidian.md",
    ),
    Program(
        "librechat",
        "LibreChat",
        "openai",
        N_("Speak to a chat"),
        N_("The file librechat.yaml."),
        (FieldValue("url", "{origin}/v1/audio/transcriptions"), FieldValue("model", "whisper-1")),
        "required",
        "node",
        key_name="apiKey",
        example="""speech:
  stt:
    openai:
      url: "{origin}/v1/audio/transcriptions"
      apiKey: "{key}"
      model: "whisper-1\"""",
    ),
    Program(
        "anythingllm",
        "AnythingLLM",
        "openai",
        N_("Recordings as documents of a workspace"),
        N_("Settings, AI Providers, Transcription: choose the generic OpenAI provider."),
        (FieldValue("Base URL", "{origin}/v1"), FieldValue("Transcription Model", "whisper-1")),
        "required",
        "node",
        key_name="API Key",
    ),
    Program(
        "vexa",
        "Vexa",
        "openai",
        N_("Transcripts of online meetings"),
        N_("The file deploy/compose/.env."),
        (
            FieldValue("TRANSCRIPTION_SERVICE_URL", "{origin}"),
            FieldValue("TRANSCRIPTION_MODEL", "whisper-1"),
        ),
        "required",
        "node",
        key_name="TRANSCRIPTION_SERVICE_TOKEN",
    ),
    Program(
        "openwhispr",
        "OpenWhispr",
        "openai",
        N_("Dictate into any program"),
        N_("Settings, Speech to Text: choose Self-hosted."),
        (FieldValue("Server URL", "{origin}/v1"), FieldValue("Model", "whisper-1")),
        "optional",
        "device",
        key_name="API Key",
    ),
    Program(
        "dify",
        "Dify",
        "openai",
        N_("Speech in an app, with the model provider OpenAI-API-compatible"),
        N_("Settings, Model Provider: add a model of the type Speech2text."),
        (FieldValue("Model Name", "whisper-1"), FieldValue("API endpoint URL", "{origin}/v1")),
        "required",
        "requests",
        key_name="API Key",
    ),
    Program(
        "curl",
        "curl",
        "openai",
        N_("A recording in, text out, from a shell"),
        N_("Run it in a shell."),
        (FieldValue("URL", "{origin}/v1/audio/transcriptions"),),
        "optional",
        "curl",
        key_name="Authorization: Bearer",
        example="""curl {origin}/v1/audio/transcriptions \\
  -H "Authorization: Bearer {key}" \\
  -F file=@talk.mp3 -F model=whisper-1 -F response_format=srt""",
    ),
    Program(
        "ffmpeg",
        "ffmpeg",
        "openai",
        N_("The sound of a film or a stream, without a file between"),
        N_("Run it in a shell."),
        (FieldValue("URL", "{origin}/v1/audio/transcriptions"),),
        "optional",
        "curl",
        key_name="Authorization: Bearer",
        example="""ffmpeg -v error -i film.mkv -vn -c:a libopus -f ogg - |
  curl {origin}/v1/audio/transcriptions -H "Authorization: Bearer {key}" \\
    -F "file=@-;filename=film.ogg" -F model=whisper-1 -F response_format=vtt""",
    ),
)
OTHER_PROGRAMS = (
    Program(
        "openai-realtime",
        "OpenAI, realtime",
        "openai_realtime",
        N_("Captions while somebody speaks, with the official Python client"),
        N_("Two arguments of the client."),
        (
            FieldValue("base_url", "{origin}/v1"),
            FieldValue("WebSocket", "{websocket}/v1/realtime?intent=transcription"),
        ),
        "required",
        "python",
        key_name="api_key",
        example="""from openai import OpenAI

client = OpenAI(base_url="{origin}/v1", api_key="{key}")
with client.realtime.connect(extra_query={{"intent": "transcription"}}) as connection:
    for event in connection:
        print(event.type)""",
    ),
    Program(
        "bazarr",
        "Bazarr",
        "asr_webservice",
        N_("Subtitles for films and series, with the provider Whisper"),
        N_("Settings, Providers, Whisper."),
        (FieldValue("Whisper ASR Docker Endpoint", "{origin}"),),
        "none",
        "requests",
    ),
    Program(
        "asr-webservice",
        "whisper-asr-webservice",
        "asr_webservice",
        N_("Programs for that server, such as Subgen and Speakr"),
        N_("The address of the server."),
        (FieldValue("URL", "{origin}"), FieldValue("POST", "{origin}/asr?output=srt")),
        "optional",
        "requests",
        key_name="Authorization: Bearer",
        example="""curl "{origin}/asr?output=srt" \\
  -H "Authorization: Bearer {key}" -F audio_file=@talk.mp3""",
    ),
    Program(
        "whisper-cpp",
        "whisper.cpp",
        "whisper_cpp",
        N_("Programs for the server of whisper.cpp"),
        N_("The address of the server."),
        (FieldValue("URL", "{origin}"), FieldValue("POST", "{origin}/inference")),
        "optional",
        "curl",
        key_name="Authorization: Bearer",
        example="""curl {origin}/inference -H "Authorization: Bearer {key}" \\
  -F file=@talk.wav -F response_format=json""",
    ),
    Program(
        "vosk",
        "Vosk",
        "vosk",
        N_("Programs for vosk-server: Nextcloud Talk, Jitsi, BigBlueButton"),
        N_("The address of the WebSocket."),
        (FieldValue("WebSocket", "{websocket}/vosk"),),
        "optional",
        "device",
        key_name="Authorization: Bearer",
    ),
    Program(
        "deepgram",
        "Deepgram",
        "deepgram",
        N_("The official Python client, and agent frameworks with Deepgram"),
        N_("Two arguments of the client."),
        (FieldValue("HTTP", "{origin}"), FieldValue("WebSocket", "{websocket}")),
        "required",
        "python",
        key_name="api_key",
        example="""from deepgram import DeepgramClient
from deepgram.environment import DeepgramClientEnvironment

here = DeepgramClientEnvironment(
    base="{origin}", production="{websocket}", agent="{websocket}", agent_rest="{origin}"
)
client = DeepgramClient(api_key="{key}", environment=here)
with open("talk.mp3", "rb") as recording:
    made = client.listen.v1.media.transcribe_file(request=recording.read(), model="nova-3")
print(made.results.channels[0].alternatives[0].transcript)""",
    ),
    Program(
        "mcp",
        "MCP",
        "mcp",
        N_("Assistants that search, read and cite your recordings (Model Context Protocol)"),
        N_("Wherever the assistant lists MCP servers; the transport is streamable HTTP."),
        (FieldValue("URL", "{origin}/mcp"),),
        "required",
        "node",
        key_name="Authorization: Bearer",
        note=N_("It needs a key of your account, with the scope read, and transcribe for new recordings."),
        example="""{{"mcpServers": {{"recordings": {{
  "type": "http",
  "url": "{origin}/mcp",
  "headers": {{"Authorization": "Bearer {key}"}}
}}}}}}""",
    ),
)
PROGRAMS: tuple[Program, ...] = (*OPENAI_PROGRAMS, *OTHER_PROGRAMS)


def find_program(program_id: str) -> Program | None:
    """The program with this id."""
    return next((program for program in PROGRAMS if program.id == program_id), None)
