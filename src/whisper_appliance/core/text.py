"""Text for people: one line of visible characters, names for comparisons, sizes and durations."""

import unicodedata


def one_line(text: str) -> str:
    """The text in one line: invisible characters become spaces, runs of spaces become one."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def normalized_name(name: str) -> str:
    """The name for comparisons (Unicode NFKC, case folded): names that look the same are the same."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def format_bytes(size: float) -> str:
    """Bytes in KB, MB, GB or TB (powers of 1024, as limits are set) with three digits, such as `1.5 GB`."""
    units = (("TB", 2**40), ("GB", 2**30), ("MB", 2**20))
    unit, factor = next((each for each in units if size >= each[1]), ("KB", 2**10))
    count = size / factor
    return f"{count:.3g} {unit}" if count < 100 else f"{count:.0f} {unit}"


def format_duration(seconds: float) -> str:
    """Seconds as a clock shows them: `0:12`, `4:05` or `10:00:00`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
