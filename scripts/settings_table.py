"""Writes the table of settings into docs/configuration.md, from the code. A test tells when to run it."""

from pathlib import Path

from whisper_appliance.config.settings import Settings, settings_table

PAGE = Path(__file__).resolve().parent.parent / "docs/configuration.md"
BEGIN, END = "<!-- settings: begin -->\n", "<!-- settings: end -->\n"


def rendered() -> str:
    """The table as Markdown; the values of this machine are not in it."""
    rows = [
        f"| `{row['name']}` | {_code(row['default'])} | {row['help'].replace('|', '/')} |"
        for row in settings_table(Settings.model_construct())
    ]
    return "\n".join(["| name | default | what it does |", "|---|---|---|", *rows, ""])


def page(current: str) -> str:
    """The page with today's table in it."""
    before, _, rest = current.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + rendered() + END + after


def _code(value: str) -> str:
    return f"`{value}`" if value else "—"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
