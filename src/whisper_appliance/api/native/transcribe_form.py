"""The form of POST /transcribe: its fields, their validation, and the transcription options."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from whisper_appliance.api.native.export import FormatName
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.diarization.contract import MAX_SPEAKERS
from whisper_appliance.engines.contract import Channels, Options, Quality, Task
from whisper_appliance.transcript.languages import language_code
from whisper_appliance.web.errors import invalid_input

MIN_SPAN_SECONDS = 0.1
MAX_URL_CHARS = 2000


class TranscriptionFields(Schema):
    """The options of a transcription. All may be left out."""

    language: str | None = Field(
        None,
        description="Code or English name of the language spoken; `auto` (default) detects it.",
        examples=["en"],
    )
    task: Task = Field("transcribe", description="`translate` writes English, whatever is spoken.")
    model: str | None = Field(
        None, description="A name from `/api/models`; default: the appliance's.", max_length=100
    )
    quality: Quality = Field(
        "balanced",
        description="fast decodes each stretch once, balanced decodes uncertain ones again, "
        "accurate decodes all with care.",
    )
    prompt: str | None = Field(
        None, description="Text that comes before: names, spelling, style.", max_length=4000
    )
    hotwords: str | None = Field(None, description="Words that are likely to be said.", max_length=2000)
    word_timestamps: bool = Field(False, description="Also the time of every word.")
    temperature: float | None = Field(
        None, ge=0, le=1, description="Randomness; default: 0, more where it fails."
    )
    beam_size: int | None = Field(
        None, ge=1, le=10, description="Alternatives followed; default: by `quality`."
    )
    vad: bool = Field(True, description="Leave out what is not speech before it is decoded.")
    track: int | None = Field(
        None,
        ge=1,
        description="Number of the audio track, from 1; default: the one the file marks, or the first.",
    )
    channels: Channels = Field(
        "mixed", description="`separate` transcribes each channel by itself, for one speaker a channel."
    )
    diarize: bool = Field(
        False,
        description="Find out who speaks: by channel where `channels` is `separate`, else by voice, which is "
        "experimental and needs the extra `diarization`. Words get their times.",
    )
    speakers: int | None = Field(
        None, ge=1, le=MAX_SPEAKERS, description="How many speak, for `diarize`; default: found out."
    )
    format: FormatName = Field("json", description="Form of the answer.")

    @field_validator("language")
    @classmethod
    def _to_language_code(cls, value: str | None) -> str | None:
        return None if value is None else language_code(value)

    def options(self) -> Options:
        """The transcription options."""
        return Options(
            language=self.language,
            task=self.task,
            quality=self.quality,
            word_timestamps=self.word_timestamps or self.diarize,
            prompt=self.prompt,
            hotwords=self.hotwords,
            temperature=self.temperature,
            beam_size=self.beam_size,
            vad=self.vad,
            track=self.track,
            channels=self.channels,
            diarize=self.diarize,
            speakers=self.speakers,
        )


class TranscribeForm(TranscriptionFields):
    """The fields beside the file. All may be left out."""

    model_config = ConfigDict(extra="forbid")

    preset: str | None = Field(
        None,
        description="Name or id of a preset of yours, or `default`; other fields go before its options.",
        max_length=100,
    )
    transcript_id: str | None = Field(
        None,
        description="Instead of a file: the kept recording (KEEP_AUDIO) of this transcript, again.",
        pattern=ID_REGEX,
    )
    start: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="With `transcript_id`: only from this second of the recording on. "
        "Times of the transcript count from there.",
    )
    end: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="With `transcript_id`: only up to this second of the recording.",
    )
    url: str | None = Field(
        None,
        description="Instead of a file: the recording at this address, which the appliance fetches "
        "(URL_IMPORTS).",
        max_length=MAX_URL_CHARS,
    )
    title: str | None = Field(
        None,
        description="With `url`: title of the transcript; default: the name of the file.",
        max_length=1000,
    )
    asynchronous: bool = Field(
        False,
        alias="async",
        description="Answer 202 with the job at once, instead of waiting for the transcript.",
    )

    @field_validator("start", "end")
    @classmethod
    def _check_span(cls, value: float | None, info: ValidationInfo) -> float | None:
        given, field = info.data, info.field_name
        if value is None:
            return None
        if given.get("transcript_id") is None:
            raise InvalidRequest("A span is one of a kept recording: send transcript_id, too.", field=field)
        if given.get("channels") == "separate":
            raise InvalidRequest("The channels of a span are mixed; leave channels out.", field="channels")
        if field == "end" and value < (given.get("start") or 0) + MIN_SPAN_SECONDS:
            raise InvalidRequest(
                "A span has {seconds} seconds at least.", seconds=MIN_SPAN_SECONDS, field=field
            )
        return value

    @property
    def is_span(self) -> bool:
        """Whether only a span of a kept recording is transcribed."""
        return self.start is not None or self.end is not None


def read_form(
    fields: Mapping[str, str], preset: Callable[[str], Mapping[str, object]] = lambda _name: {}
) -> TranscribeForm:
    """The options of a request. Raises `InvalidRequest`, which names the field.

    `preset` returns the options of the preset of that name; the fields of the request go before them.
    """
    given = {name: value for name, value in fields.items() if value.strip()}
    of_preset = preset(given["preset"]) if "preset" in given else {}
    try:
        return TranscribeForm.model_validate({**of_preset, **given})
    except ValidationError as error:
        raise invalid_input(error) from None


def form_schema() -> dict[str, Any]:
    """The JSON schema of the whole form, the file included."""
    schema = TranscribeForm.model_json_schema()
    schema.pop("additionalProperties", None)
    file = {
        "type": "string",
        "format": "binary",
        "description": "The recording. `audio` is another name for it.",
    }
    schema["properties"] = {
        "file": file,
        "audio": {**file, "description": "Another name for `file`; send one of the two."},
        **schema["properties"],
    }
    schema["description"] = (
        "One file, and how to transcribe it. Send the fields before the file: mistakes are reported sooner."
    )
    return schema
