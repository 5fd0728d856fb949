"""WebVTT subtitles (W3C WebVTT)."""

from whisper_appliance.transcript.beside import language_of
from whisper_appliance.transcript.cues import Cue, make_cues, time_line
from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.model import Transcript


def write_vtt(transcript: Transcript, options: ExportOptions) -> str:
    """WebVTT cues; a voice span (`<v Ada>`) names the speaker."""
    cues = make_cues(
        transcript,
        max_line_chars=options.max_line_chars,
        max_lines=options.max_lines,
        beside=options.beside,
    )
    language = language_of(options.translation) if options.translation else ""
    blocks = [f"{time_line(cue, '.')}\n{_voice(cue)}{_text(cue, language)}\n" for cue in cues]
    return "\n".join(["WEBVTT\n", *blocks]) if blocks else "WEBVTT\n\n"


def _text(cue: Cue, language: str) -> str:
    lines = list(map(_escape, cue.lines))
    return "\n".join(lines + [f"<lang {language}>{_escape(line)}</lang>" for line in cue.beside])


def _voice(cue: Cue) -> str:
    return f"<v {_escape(cue.speaker)}>" if cue.speaker else ""


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


FORMAT = Format("vtt", ".vtt", "text/vtt", write_vtt)
