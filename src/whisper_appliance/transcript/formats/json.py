"""JSON: the transcript as in the API (`transcript.codec`)."""

import json

from whisper_appliance.transcript.codec import to_dict
from whisper_appliance.transcript.formats.format import CueLimits, Format
from whisper_appliance.transcript.model import Transcript


def write_json(transcript: Transcript, _limits: CueLimits) -> str:
    """The JSON of the API, indented."""
    return json.dumps(to_dict(transcript), ensure_ascii=False, indent=2) + "\n"


FORMAT = Format("json", ".json", "application/json", write_json)
