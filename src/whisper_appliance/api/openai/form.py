"""The forms of OpenAI's audio API: names with and without brackets, validation, transcription options."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from pydantic import (
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from whisper_appliance.app.model_names import resolve_model
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.schema import Schema
from whisper_appliance.engines.contract import NamedVoice, Options, Task
from whisper_appliance.transcript.languages import language_code
from whisper_appliance.web.context import appliance
from whisper_appliance.web.errors import invalid_input
from whisper_appliance.web.multipart_form import FormFields

CHUNKING = "chunking_strategy["
"""An object comes as `chunking_strategy[type]` and so on, or as JSON."""
NAMES, REFERENCES = "known_speaker_names", "known_speaker_references"
LISTS = ("languages", "keywords", "timestamp_granularities", "include", NAMES, REFERENCES)
MAX_NAMED_SPEAKERS = 4
FORBIDDEN_IN_KEYWORDS = "<>\r\n"
ResponseFormat = Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]


class ChunkingStrategy(Schema):
    """How a client wants recordings to be cut. It is checked only: they are cut at pauses, by one rule."""

    type: Literal["auto", "server_vad"]
    threshold: float = Field(0.5, ge=0, le=1)
    prefix_padding_ms: int = Field(300, ge=0)
    silence_duration_ms: int = Field(200, ge=0)


class AudioForm(Schema):
    """The fields beside the file. Fields that the API does not know are ignored, as OpenAI does."""

    model_config = ConfigDict(extra="ignore")

    requested_model: str = Field(
        "",  # it may come behind the file, and the form is checked before the file already
        alias="model",
        description="A local model, an alias of one, or a name of OpenAI's; default: the appliance's.",
        max_length=200,
    )
    prompt: str | None = Field(
        None, description="Text that comes before: names, spelling, style.", max_length=4000
    )
    response_format: ResponseFormat = Field("json", description="Form of the transcript.")
    temperature: float | None = Field(None, ge=0, le=1, description="Randomness; 0 rises where it fails.")

    @property
    def model(self) -> str | None:
        """The local model; None is the default one."""
        return resolve_model(self.requested_model, appliance().settings.model_aliases)


class TranscriptionForm(AudioForm):
    """The fields of a transcription."""

    language: str | None = Field(None, description="ISO 639-1 code of the language; default: detected.")
    languages: list[str] = Field([], description="Languages that may be spoken; one of them is detected.")
    keywords: list[str] = Field([], description="Words that are likely to be said.", max_length=100)
    timestamp_granularities: list[Literal["word", "segment"]] = Field(
        [], description="What verbose_json has: segments (default), words, or both."
    )
    include: list[Literal["logprobs"]] = Field([], description="`logprobs`, with the format json.")
    stream: bool = Field(False, description="Send the text as Server-Sent Events while it is made.")
    chunking_strategy: str | None = Field(
        None,
        description="`auto` or `server_vad`; changes nothing, because recordings are always cut at pauses.",
    )
    known_speaker_names: list[str] = Field(
        [],
        description="Names of speakers, with diarized_json; each has a sample in `known_speaker_references`.",
        max_length=MAX_NAMED_SPEAKERS,
    )
    known_speaker_references: list[str] = Field(
        [], description="Data URLs of 2 to 10 seconds of each voice, in the order of the names."
    )
    _voices: tuple[NamedVoice, ...] = PrivateAttr(default=())

    @field_validator("language")
    @classmethod
    def _to_code(cls, value: str | None) -> str | None:
        return None if value is None else language_code(value)

    @field_validator("languages")
    @classmethod
    def _to_codes(cls, values: list[str]) -> list[str]:
        try:
            return [code for value in values if (code := language_code(value))]
        except InvalidRequest as error:
            error.field = "languages"
            raise

    @field_validator("keywords")
    @classmethod
    def _check_keywords(cls, values: list[str]) -> list[str]:
        if any(character in word for word in values for character in FORBIDDEN_IN_KEYWORDS):
            raise InvalidRequest("A keyword is one line without '<' and '>'.", field="keywords")
        return values

    @field_validator("chunking_strategy")
    @classmethod
    def _check_chunking(cls, value: str | None) -> str | None:
        given = value if value and value.lstrip().startswith("{") else json.dumps({"type": value})
        try:
            ChunkingStrategy.model_validate_json(given)
        except ValidationError:
            raise InvalidRequest(
                "Send auto, or server_vad, whose threshold is 0 to 1 and whose prefix_padding_ms and "
                "silence_duration_ms are whole numbers from 0.",
                field="chunking_strategy",
            ) from None
        return value

    @model_validator(mode="after")
    def _check_combinations(self) -> "TranscriptionForm":
        if self.language and self.languages:
            raise InvalidRequest("Send language or languages, not both.", field="languages")
        if self.include and self.response_format != "json":
            raise InvalidRequest("Log probabilities come with response_format json only.", field="include")
        if len(self.known_speaker_names) != len(self.known_speaker_references):
            raise InvalidRequest("Send a sample of the voice for each name.", field=REFERENCES)
        if self.known_speaker_names and self.response_format != "diarized_json":
            raise InvalidRequest(
                "Names of speakers come with response_format diarized_json only.", field=NAMES
            )
        if len({*self.known_speaker_names}) < len(self.known_speaker_names):
            raise InvalidRequest("Each speaker needs another name.", field=NAMES)
        return self

    @property
    def voice_samples(self) -> list[bytes]:
        """The audio files of the references. Raises `InvalidRequest`."""
        return [_data_of(reference) for reference in self.known_speaker_references]

    def add_voices(self, embeddings: Sequence[tuple[float, ...]]) -> None:
        """Adds the embeddings of `voice_samples` to the options."""
        named = zip(self.known_speaker_names, embeddings, strict=True)
        self._voices = tuple(NamedVoice(name, embedding) for name, embedding in named)

    def options(self) -> Options:
        """The transcription options. A temperature of 0 is the engine's own rule."""
        diarized = self.response_format == "diarized_json"
        only = self.languages[0] if len(self.languages) == 1 else None
        return Options(
            language=self.language or only,
            languages=tuple(self.languages) if len(self.languages) > 1 else (),
            prompt=self.prompt,
            hotwords=", ".join(self.keywords) or None,
            temperature=self.temperature or None,
            word_timestamps="word" in self.timestamp_granularities or bool(self.include) or diarized,
            channels="separate" if diarized else "mixed",
            diarize=diarized,
            voices=self._voices,
        )


class TranslationForm(AudioForm):
    """The fields of a translation into English."""

    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = Field(
        "json", description="Form of the translation."
    )

    def options(self) -> Options:
        """The transcription options."""
        task: Task = "translate"
        return Options(task=task, prompt=self.prompt, temperature=self.temperature or None)


Form = TypeVar("Form", bound=AudioForm)


def read_transcription_form(fields: FormFields) -> TranscriptionForm:
    """The options of a transcription. Raises `InvalidRequest`, which names the field."""
    return _validated(TranscriptionForm, fields)


def read_translation_form(fields: FormFields) -> TranslationForm:
    """The options of a translation. Raises `InvalidRequest`, which names the field."""
    return _validated(TranslationForm, fields)


def _validated(form: type[Form], fields: FormFields) -> Form:
    values: dict[str, Any] = {name: value for name, value in fields.items() if value.strip()}
    for name in LISTS:
        given = [*fields.getlist(f"{name}[]"), *fields.getlist(name)]
        values[name] = [value for value in given if value.strip()]
    strategy = {name[len(CHUNKING) : -1]: fields[name] for name in fields if name.startswith(CHUNKING)}
    if strategy:
        values["chunking_strategy"] = json.dumps(strategy)
    try:
        return form.model_validate(values)
    except ValidationError as error:
        raise invalid_input(error) from None


def _data_of(reference: str) -> bytes:
    """The content of a data URL (RFC 2397) in base64. Raises `InvalidRequest`."""
    head, _, data = reference.partition(",")
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not (content and head.startswith("data:") and head.endswith(";base64")):
        raise InvalidRequest("A reference is a data URL with audio in base64.", field=REFERENCES)
    return content


def form_schema(form: type[AudioForm]) -> dict[str, Any]:
    """The JSON schema of the whole form, the file included."""
    schema = form.model_json_schema()
    schema.pop("additionalProperties", None)
    file = {"type": "string", "format": "binary", "description": "The recording."}
    schema["properties"] = {"file": file, **schema["properties"]}
    schema["required"] = ["file", *schema.get("required", [])]
    return schema
