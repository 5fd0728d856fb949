"""Text for people: one line of visible characters, names for comparisons, and sizes in binary units."""

import unicodedata


def one_line(text: str) -> str:
    """The text in one line: invisible characters become spaces, runs of spaces become one."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def normalized_name(name: str) -> str:
    """The name for comparisons (Unicode NFKC, case folded): names that look the same are the same."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def format_bytes(size: float) -> str:
    """Bytes in MiB or GiB with three digits, such as `1.5 GiB`."""
    gib = size / 2**30
    return f"{gib:.3g} GiB" if gib >= 1 else f"{size / 2**20:.3g} MiB"
