"""SRT (SubRip) subtitles. An SRT cue is broken into lines by `transcript.line_breaking`."""

import re

from whisper_appliance.transcript.cues import make_cues, time_line, with_spoken_names
from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.model import Transcript

TAG_START = re.compile(r"<(?=[A-Za-z/])")


def write_srt(transcript: Transcript, options: ExportOptions) -> str:
    """Numbered SRT cues; a new speaker is named at the start of a cue."""
    cues = make_cues(
        with_spoken_names(transcript),
        max_line_chars=options.max_line_chars,
        max_lines=options.max_lines,
        beside=options.beside,
    )
    blocks = [
        f"{number}\n{time_line(cue, ',')}\n{_escape(cue.lines + cue.beside)}\n"
        for number, cue in enumerate(cues, 1)
    ]
    return "\n".join(blocks)


def _escape(lines: tuple[str, ...]) -> str:
    """SRT has no escapes: `-->`, which players parse as a time line, becomes an arrow character.

    A word joiner keeps `<` from starting a tag, which players would hide.
    """
    return TAG_START.sub("<\u2060", "\n".join(lines).replace("-->", "→"))


FORMAT = Format("srt", ".srt", "application/x-subrip", write_srt)
