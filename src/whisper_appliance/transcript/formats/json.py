"""JSON: the transcript as in the API (`transcript.codec`)."""

import json

from whisper_appliance.transcript.codec import to_dict
from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.model import Transcript


def write_json(transcript: Transcript, options: ExportOptions) -> str:
    """The JSON of the API, indented; with title and time of creation if they are known."""
    head = {"title": options.title, "created": options.created}
    known = {name: value for name, value in head.items() if value}
    return json.dumps({**known, **to_dict(transcript)}, ensure_ascii=False, indent=2) + "\n"


FORMAT = Format("json", ".json", "application/json", write_json)
