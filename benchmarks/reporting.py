"""The numbers as a table for people, as JSON for programs, and as a picture."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import whisper_appliance
from benchmarks.user_latency import UserLatency

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Row:
    """One competitor on one set of recordings; medians over the repetitions."""

    competitor: str
    setting: str
    set: str
    audio_seconds: float
    wall_seconds: tuple[float, ...]
    cpu_seconds: tuple[float, ...]
    peak_bytes: int
    word_error_rate: float

    @property
    def real_time_factor(self) -> float:
        """Seconds of audio a second of wall time; higher is faster."""
        return self.audio_seconds / statistics.median(self.wall_seconds)

    @property
    def cpu_per_audio_minute(self) -> float:
        """Processor seconds a minute of audio."""
        return 60 * statistics.median(self.cpu_seconds) / self.audio_seconds


@dataclass(frozen=True)
class Report:
    """A whole run."""

    model: str
    repetitions: int
    rows: tuple[Row, ...]
    user_latency: UserLatency | None


def write(report: Report, folder: Path) -> Path:
    """Writes `<date>.md`, `.json` and `.png`; gives the path of the table."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / datetime.now(UTC).strftime("%Y-%m-%d-%H%M")
    stem.with_suffix(".json").write_text(json.dumps(_as_json(report), indent=2) + "\n")
    stem.with_suffix(".md").write_text(table(report, stem.with_suffix(".png").name))
    plot(report.rows, stem.with_suffix(".png"))
    return stem.with_suffix(".md")


def machine() -> dict[str, str]:
    """Where the numbers were taken."""
    processor = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    libraries = {name: version(name) for name in ("faster-whisper", "ctranslate2")}
    return {
        "processor": f"{processor}, {len(os.sched_getaffinity(0))} cores",
        "system": platform.platform(),
        "python": platform.python_version(),
        "whisper-appliance": whisper_appliance.__version__,
        **libraries,
    }


def table(report: Report, picture: str) -> str:
    """The report in Markdown."""
    lines = [
        f"# Whisper {report.model}, {datetime.now(UTC):%Y-%m-%d}",
        "",
        "; ".join(f"{name} {value}" for name, value in machine().items()) + ".",
        f"Medians of {report.repetitions} interleaved repetitions; each competitor in its own process, on",
        "the same weights (int8; openai-whisper float32) and the same 16 kHz WAV files.",
        "Speed is seconds of audio a second; memory the peak of a competitor's processes together (PSS).",
    ]
    for name in dict.fromkeys(row.set for row in report.rows):
        rows = [row for row in report.rows if row.set == name]
        lines += ["", f"## {name}: {rows[0].audio_seconds:.0f} s of audio", "", *_rows(rows)]
    if report.user_latency:
        lines += ["", "## Living with it", "", *_user_latency(report.user_latency)]
    return "\n".join([*lines, "", f"![speed and word errors]({picture})", ""])


def _rows(rows: Sequence[Row]) -> list[str]:
    return [
        "| competitor | setting | speed | CPU s / audio min | peak MB | WER % |",
        "|---|---|---:|---:|---:|---:|",
        *(
            f"| {row.competitor} | {row.setting} | {row.real_time_factor:.1f} |"
            f" {row.cpu_per_audio_minute:.1f} | {row.peak_bytes / MEBIBYTE:.0f} |"
            f" {100 * row.word_error_rate:.1f} |"
            for row in rows
        ),
    ]


def _user_latency(user_latency: UserLatency) -> list[str]:
    facts = [
        ("start to first page, new data folder", f"{user_latency.first_start_seconds:.2f} s"),
        ("start to first page, again", f"{user_latency.second_start_seconds:.2f} s"),
        ("3-second clip, language given", f"{user_latency.clip_seconds:.2f} s"),
        ("3-second clip, language detected", f"{user_latency.clip_detected_seconds:.2f} s"),
        ("3-second clip while a long file runs", f"{user_latency.clip_while_busy_seconds:.2f} s"),
        (
            "the rest of the program around the engine, clip",
            f"{1000 * user_latency.clip_overhead_seconds:.0f} ms",
        ),
        (
            "the rest of the program around the engine, long file",
            f"{100 * user_latency.long_overhead_share:.1f} % of wall time",
        ),
        ("memory with the model loaded, idle", f"{user_latency.idle_bytes / MEBIBYTE:.0f} MB"),
        ("memory after the model was unloaded", f"{user_latency.idle_unloaded_bytes / MEBIBYTE:.0f} MB"),
    ]
    return ["| what | measured |", "|---|---:|", *(f"| {what} | {value} |" for what, value in facts)]


def plot(rows: Sequence[Row], path: Path) -> None:
    """Speed against word errors, one panel a set: right and low is better."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    names = list(dict.fromkeys(row.set for row in rows))
    figure, panels = pyplot.subplots(1, len(names), figsize=(6.5 * len(names), 4.5), squeeze=False)
    for panel, name in zip(panels[0], names, strict=True):
        for row in (row for row in rows if row.set == name):
            ours = row.competitor.startswith("whisper-appliance")
            at = (row.real_time_factor, 100 * row.word_error_rate)
            panel.scatter(*at, s=70, color="#0f766e" if ours else "#94a3b8", zorder=3, clip_on=False)
            panel.annotate(row.competitor, at, xytext=(6, 5), textcoords="offset points", fontsize=8)
        panel.set(title=name, xlabel="seconds of audio per second", ylabel="word error rate, %")
        # Room for the names, which stand to the right of their points.
        panel.set_xlim(0, 1.4 * panel.dataLim.xmax)
        panel.set_ylim(0, 1.15 * panel.dataLim.ymax or 1)
        panel.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _as_json(report: Report) -> dict[str, object]:
    rows = [
        {
            **asdict(row),
            "real_time_factor": row.real_time_factor,
            "cpu_seconds_per_audio_minute": row.cpu_per_audio_minute,
        }
        for row in report.rows
    ]
    return {
        "machine": machine(),
        "model": report.model,
        "repetitions": report.repetitions,
        "rows": rows,
        "user_latency": asdict(report.user_latency) if report.user_latency else None,
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
