"""What holds for the times of every transcript, checked in every format."""

import re
from itertools import pairwise

from whisper_appliance.transcript.codec import to_dict
from whisper_appliance.transcript.formats import render
from whisper_appliance.transcript.model import Transcript

SHORTEST_SECONDS = 1 / 25
ASS_CLOCK = re.compile(r"^Dialogue: \d+,(\d+):(\d\d):(\d\d)\.(\d\d),(\d+):(\d\d):(\d\d)\.(\d\d),", re.M)
CLOCK = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{3}) --> (\d+):(\d\d):(\d\d)[,.](\d{3})")


def assert_times_hold(transcript: Transcript) -> None:
    """0 ≤ start < end ≤ duration, in order, no cue under 1/25 s or over another; words are the text."""
    shown = to_dict(transcript)
    duration = shown["duration"]
    shortest = min(SHORTEST_SECONDS, int(transcript.duration * 1000) / 1000)
    assert "\ufffd" not in shown["text"]
    _assert_spans([(s["start"], s["end"]) for s in shown["segments"]], duration, shortest)
    for segment in shown["segments"]:
        words = segment.get("words", [])
        assert segment["text"].strip()
        assert not words or "".join(word["word"] for word in words) == segment["text"]
        _assert_spans([(w["start"], w["end"]) for w in words], segment["end"])
        assert all(segment["start"] <= word["start"] for word in words)
    assert all(0 <= one["start"] < one["end"] <= duration for one in shown.get("dropped", ()))
    for name in ("srt", "vtt"):
        written = render(transcript, name)
        assert "\ufffd" not in written
        _assert_spans(_clock_times(CLOCK, written, 1000), duration, shortest)
    events = _clock_times(ASS_CLOCK, render(transcript, "ass"), 100)
    _assert_spans(events, max(duration, 0.01))
    rows = [line.split("\t") for line in render(transcript, "tsv").splitlines()[1:]]
    _assert_spans([(int(row[0]) / 1000, int(row[1]) / 1000) for row in rows], duration, shortest)


def _assert_spans(spans: list[tuple[float, float]], stop: float, shortest: float = 0.0) -> None:
    assert all(0 <= start < end <= stop for start, end in spans)
    assert all(round(end - start - shortest, 6) >= 0 for start, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))


def _clock_times(clock: re.Pattern[str], written: str, per_second: int) -> list[tuple[float, float]]:
    found = [list(map(int, match.groups())) for match in clock.finditer(written)]
    return [
        (((h * 60 + m) * 60 + s) + part / per_second, ((h2 * 60 + m2) * 60 + s2) + part2 / per_second)
        for h, m, s, part, h2, m2, s2, part2 in found
    ]
