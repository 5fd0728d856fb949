"""JSON: the transcript as in the API (`transcript.codec`)."""

import json
from dataclasses import asdict

from whisper_appliance.transcript.codec import to_dict, with_translation
from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.model import Transcript


def write_json(transcript: Transcript, options: ExportOptions) -> str:
    """The JSON of the API, indented; with title and time of creation if they are known."""
    head = {"title": options.title, "created": options.created}
    known = {name: value for name, value in head.items() if value}
    notes = {"notes": [asdict(note) for note in options.notes]} if options.notes else {}
    by_hand = options.chapters
    chapters = {} if by_hand is None else {"chapters": [asdict(each) for each in by_hand]}
    body = with_translation(to_dict(transcript), options.beside)
    return json.dumps({**known, **body, **chapters, **notes}, ensure_ascii=False, indent=2) + "\n"


FORMAT = Format("json", ".json", "application/json", write_json)
