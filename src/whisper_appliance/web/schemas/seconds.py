"""A second of a recording, as requests have it."""

from typing import Annotated

from pydantic import Field

from whisper_appliance.transcript.editing.operations import MAX_SECONDS

RecordingSecond = Annotated[
    float,
    Field(ge=0, le=MAX_SECONDS, allow_inf_nan=False, description="Second of the recording.", examples=[12.5]),
]
