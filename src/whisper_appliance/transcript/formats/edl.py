"""An edit decision list (CMX 3600): one cut for each paragraph, for video editors."""

from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Transcript
from whisper_appliance.transcript.paragraphs import paragraphs

MAX_EVENTS = 9999
"""Editors refuse more; further paragraphs are left out."""
COMMENT_CHARS = 240


def write_edl(transcript: Transcript, options: ExportOptions) -> str:
    """Cuts at the times of the recording, laid one behind the other, with speaker and text as comments."""
    title = clean(options.title) or "Transcript"
    lines = [f"TITLE: {title[:70]}", "FCM: NON-DROP FRAME", ""]
    at = 0
    for number, paragraph in enumerate(paragraphs(transcript, joined=options.paragraphs)[:MAX_EVENTS], 1):
        first = round(paragraph.start * options.frame_rate)
        last = max(round(paragraph.end * options.frame_rate), first + 1)
        spans = (first, last, at, at + last - first)
        times = " ".join(_timecode(frame, options.frame_rate) for frame in spans)
        name = f"{paragraph.speaker}: " if paragraph.speaker else ""
        lines += [
            f"{number:03d}  AX       V     C        {times}",
            f"* FROM CLIP NAME: {title}",
            f"* COMMENT: {name}{paragraph.text}"[:COMMENT_CHARS],
            "",
        ]
        at += last - first
    return "\r\n".join(lines) + "\r\n"


def _timecode(frame: int, frame_rate: float) -> str:
    """The frame as hh:mm:ss:ff, without dropped numbers: 29.97 counts as 30."""
    seconds, frames = divmod(frame, round(frame_rate))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}:{frames:02d}"


FORMAT = Format("edl", ".edl", "text/x-edl", write_edl)
