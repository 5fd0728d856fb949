"""The SQL statements of all databases in this process, while a test listens."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa


@contextmanager
def statements() -> Iterator[list[str]]:
    """The list of statements, which grows."""
    made: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        made.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield made
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


def transcript_reads(made: list[str]) -> int:
    """How many of them read the body of a transcript, which is then decoded."""
    return sum(each.startswith("SELECT") and "transcripts.body" in each for each in made)
