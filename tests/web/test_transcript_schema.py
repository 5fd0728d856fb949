"""The documented schema of a transcript and the JSON that is written have the same fields."""

from dataclasses import fields
from typing import Any

import pytest
from pydantic import BaseModel

from whisper_appliance.transcript.codec import to_dict, with_translation
from whisper_appliance.transcript.model import Dropped, Notice, Provenance, Segment, Transcript, Word
from whisper_appliance.web.schemas.transcript import (
    DroppedResponse,
    NoticeResponse,
    SegmentResponse,
    TranscriptResponse,
    WordResponse,
)

STORED = {"id", "title", "created", "recording", "access", "revision", "paragraphs", "chapters", "notes"}
"""Fields that belong to the stored transcript and not to the recording."""

WRITTEN = with_translation(
    to_dict(
        Transcript(
            segments=(
                Segment(
                    0.0,
                    1.0,
                    " Hello.",
                    words=(Word(0.0, 1.0, " Hello.", 0.9),),
                    language="en",
                    channel=1,
                    speaker="Ada",
                ),
            ),
            language="en",
            language_probability=0.9,
            duration=1.0,
            task="transcribe",
            model="base",
            processing_seconds=0.1,
            warnings=(Notice("damaged", "The file is damaged."),),
            dropped=(Dropped(1.0, 2.0, " Thanks for watching!", "boilerplate over silence"),),
            provenance=Provenance(
                "faster-whisper", "1.2", "base", "ab", "int8", {"beam_size": 5}, "cd", "0.1", 50.0
            ),
        )
    ),
    ["Hello."],
)


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        (TranscriptResponse, WRITTEN | dict.fromkeys(STORED)),
        (SegmentResponse, WRITTEN["segments"][0]),
        (WordResponse, WRITTEN["segments"][0]["words"][0]),
        (NoticeResponse, WRITTEN["warnings"][0]),
        (DroppedResponse, WRITTEN["dropped"][0]),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_the_schema_has_exactly_the_fields_of_the_json(
    schema: type[BaseModel], written: dict[str, Any]
) -> None:
    assert set(schema.model_fields) == set(written)


def test_the_json_is_valid_by_the_schema_and_keeps_every_value() -> None:
    stored = {
        "id": "1",
        "title": "Talk",
        "created": "2026-03-01T09:30:00Z",
        "recording": {"media_type": "audio/wav", "bytes": 7, "delete_at": None},
        "access": "own",
        "revision": 0,
        "paragraphs": [0],
        "chapters": None,
        "notes": [],
    }
    assert TranscriptResponse.model_validate(WRITTEN | stored).model_dump() == WRITTEN | stored


def test_the_json_has_every_field_of_a_transcript() -> None:
    assert {field.name for field in fields(Transcript)} - {"extra"} <= set(
        WRITTEN
    )  # written if it is not empty
