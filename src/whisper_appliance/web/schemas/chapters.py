"""The schema of chapters."""

from typing import Any

from pydantic import Field

from whisper_appliance.core.schema import Schema
from whisper_appliance.library.chapters import StoredChapters
from whisper_appliance.transcript.chapters import Chapter, automatic_chapters, chapter_title
from whisper_appliance.transcript.model import Transcript


class ChapterResponse(Schema):
    """A chapter."""

    start: float = Field(description="Seconds of the original file.")
    title: str = Field(description="Its title, or its first words.")
    named: bool = Field(description="Whether the title was given by hand.")


class ChaptersResponse(Schema):
    """The chapters of a transcript, in order."""

    revision: int = Field(description="How often they were changed by hand; changes send it in If-Match.")
    by_hand: bool = Field(description="False: they begin after the long pauses.")
    chapters: list[ChapterResponse]


def chapters_response(transcript: Transcript, stored: StoredChapters) -> dict[str, Any]:
    """The chapters of a transcript as JSON."""
    chapters = automatic_chapters(transcript) if stored.chapters is None else stored.chapters
    return ChaptersResponse(
        revision=stored.revision,
        by_hand=stored.chapters is not None,
        chapters=[_chapter(transcript, each) for each in chapters],
    ).model_dump()


def _chapter(transcript: Transcript, chapter: Chapter) -> ChapterResponse:
    title = chapter_title(transcript.segments, chapter)
    return ChapterResponse(start=round(chapter.start, 3), title=title, named=bool(chapter.title))
