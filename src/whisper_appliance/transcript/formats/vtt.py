"""WebVTT subtitles (W3C WebVTT)."""

from whisper_appliance.transcript.cues import make_cues, time_line
from whisper_appliance.transcript.formats.format import CueLimits, Format
from whisper_appliance.transcript.model import Transcript


def write_vtt(transcript: Transcript, limits: CueLimits) -> str:
    """WebVTT cues."""
    blocks = [
        f"{time_line(cue, '.')}\n{_escape(cue.lines)}\n"
        for cue in make_cues(transcript, max_line_chars=limits.max_line_chars, max_lines=limits.max_lines)
    ]
    return "\n".join(["WEBVTT\n", *blocks]) if blocks else "WEBVTT\n\n"


def _escape(lines: tuple[str, ...]) -> str:
    return "\n".join(lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


FORMAT = Format("vtt", ".vtt", "text/vtt", write_vtt)
