"""What was measured of live speech: a table for people, JSON for programs, a picture."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.live_score import percentile, spread
from benchmarks.live_trials import Trial
from benchmarks.reporting import machine

COLUMNS = (
    "who", "first s (median / p95)", "settled s (median / p95)", "flicker", "WER live", "refined", "final",
    "offline", "CPU s per s",
)  # fmt: skip


@dataclass(frozen=True)
class LiveReport:
    """A whole run; `load` is the machine's, when it began."""

    model: str
    seconds: float
    load: float
    trials: tuple[Trial, ...]
    invented: dict[str, int]


def write(report: LiveReport, folder: Path) -> Path:
    """Writes `live-<date>.md`, `.json` and `.png`; gives the path of the table."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / datetime.now(UTC).strftime("live-%Y-%m-%d-%H%M")
    whole = {"machine": machine(), **asdict(report)}
    stem.with_suffix(".json").write_text(json.dumps(whole, indent=2) + "\n")
    measured = [trial for trial in report.trials if trial.scored.commit]
    if measured:
        _plot(measured, stem.with_suffix(".png"))
    stem.with_suffix(".md").write_text(_table(report, stem.with_suffix(".png").name))
    return stem.with_suffix(".md")


def row(trial: Trial) -> str:
    """One trial as a line of the table."""
    if trial.problem:
        return f"| {_who(trial)} | {trial.problem} |" + " |" * (len(COLUMNS) - 2)
    wers = (trial.live, trial.refined, trial.final, trial.offline)
    cells = [
        _who(trial),
        spread(trial.scored.first),
        spread(trial.scored.commit),
        f"{trial.scored.flicker:.2f}",
        *("–" if wer is None else f"{100 * wer:.1f} %" for wer in wers),
        "–" if trial.cpu is None else f"{trial.cpu:.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


def heads() -> str:
    """The first two lines of the table."""
    return "| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS)


def _who(trial: Trial) -> str:
    return trial.name + (", beside a long file" if trial.beside else "")


def _table(report: LiveReport, picture: str) -> str:
    facts = "; ".join(f"{name} {value}" for name, value in machine().items())
    return "\n".join(
        [
            f"# Live speech, Whisper {report.model}, {datetime.now(UTC):%Y-%m-%d}",
            "",
            f"{facts}. Load when it began: {report.load:.1f} on {os.cpu_count()} processors.",
            f"Each stream speaks {report.seconds:.0f} s in real time into a started server, over TLS.",
            "Seconds count from the end of a word in the file road's transcript of the same model.",
            "CPU is that of the server, detector and paragraphs included, per second of audio.",
            "WhisperLive settles nothing because the audio ends: what it shows 15 s later counts as said.",
            "",
            heads(),
            *(row(trial) for trial in report.trials),
            "",
            "Invented words, captions and transcripts together: "
            + (", ".join(f"{name} {count}" for name, count in report.invented.items()) or "not measured")
            + ".",
            "",
            f"![seconds until words are settled]({picture})",
            "",
        ]
    )


def _plot(trials: Sequence[Trial], path: Path) -> None:
    """Median and 95th percentile of settling, a bar for each trial."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, panel = pyplot.subplots(figsize=(8, 1 + 0.5 * len(trials)))
    for at, trial in enumerate(trials):
        ours = not trial.name.startswith("WhisperLive")
        color = "#0f766e" if ours else "#94a3b8"
        median, high = (percentile(trial.scored.commit, percent) for percent in (50, 95))
        panel.barh(at, high, color=color, alpha=0.35)
        panel.barh(at, median, color=color)
        panel.annotate(f"{median:.1f} / {high:.1f}", (high, at), xytext=(4, 0), va="center",
                       textcoords="offset points", fontsize=8)  # fmt: skip
    panel.set_yticks(range(len(trials)), [_who(trial) for trial in trials])
    panel.invert_yaxis()
    panel.set(xlabel="seconds from the end of a word until it is settled: median (dark), 95 % (light)")
    panel.set_xlim(0, 1.15 * panel.dataLim.xmax)
    figure.tight_layout()
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
