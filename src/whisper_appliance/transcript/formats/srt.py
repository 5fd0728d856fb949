"""SRT (SubRip) subtitles. An SRT cue is broken into lines by `transcript.line_breaking`."""

from whisper_appliance.transcript.cues import make_cues, time_line
from whisper_appliance.transcript.formats.format import CueLimits, Format
from whisper_appliance.transcript.model import Transcript


def write_srt(transcript: Transcript, limits: CueLimits) -> str:
    """Numbered SRT cues."""
    blocks = [
        f"{number}\n{time_line(cue, ',')}\n{_escape(cue.lines)}\n"
        for number, cue in enumerate(
            make_cues(transcript, max_line_chars=limits.max_line_chars, max_lines=limits.max_lines), 1
        )
    ]
    return "\n".join(blocks)


def _escape(lines: tuple[str, ...]) -> str:
    """SRT has no escapes, so `-->`, which players parse as a time line, becomes an arrow character."""
    return "\n".join(lines).replace("-->", "→")


FORMAT = Format("srt", ".srt", "application/x-subrip", write_srt)
