"""ASS subtitles (Advanced SubStation Alpha), for players and editors that style them."""

from whisper_appliance.transcript.cues import make_cues
from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Transcript

WORD_JOINER = "\u2060"


def write_ass(transcript: Transcript, options: ExportOptions) -> str:
    """One event for each cue; the speaker stands in its name field."""
    import pysubs2  # only here, because few exports need it

    subtitles = pysubs2.SSAFile()
    subtitles.info["Title"] = clean(options.title) or "Transcript"
    subtitles.info["ScriptType"] = "v4.00+"
    cues = make_cues(
        transcript,
        max_line_chars=options.max_line_chars,
        max_lines=options.max_lines,
        beside=options.beside,
    )
    for cue in cues:
        text = r"\N".join(map(_escape, cue.lines + cue.beside))
        name = cue.speaker.replace(",", " ")  # a comma ends the field
        # ASS counts hundredths. Rounded up, an event could end behind the recording.
        start, end = cue.start_ms // 10 * 10, cue.end_ms // 10 * 10
        subtitles.append(pysubs2.SSAEvent(start=start, end=max(end, start + 10), text=text, name=name))
    return subtitles.to_string("ass")


def _escape(line: str) -> str:
    """ASS has no escape for a backslash: a word joiner behind it keeps it from starting a code."""
    return line.replace("\\", "\\" + WORD_JOINER).replace("{", r"\{").replace("}", r"\}")


FORMAT = Format("ass", ".ass", "text/x-ssa", write_ass)
