"""The started program in a folder of its own, and what can be done to it."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.live_client import LIVE_SERVER, settings_of
from tests.support.program import Server, served

Serve = Callable[..., AbstractContextManager[Server]]


@pytest.fixture
def serve(tmp_path: Path, tiny_en: Path) -> Serve:
    """Starts the program, again and again over the same data; scripted unless another one is given."""
    settings = settings_of(tiny_en, tmp_path) | {"WINDOW_LOG": f"{tmp_path}/windows", "WINDOW_SECONDS": "0"}

    @contextmanager
    def start(program: tuple[str, ...] = LIVE_SERVER, **variables: str) -> Iterator[Server]:
        with served(tmp_path, program, **(settings | variables)) as server:
            yield server

    return start


def decoded_windows(folder: Path) -> Counter[str]:
    """How often each window was decoded, in all runs."""
    path = folder / "windows"
    return Counter(path.read_text().split() if path.exists() else [])


def rows(folder: Path, question: str) -> list[Any]:
    """What stands in the database."""
    with closing(sqlite3.connect(f"file:{folder}/data/appliance.sqlite?mode=ro", uri=True)) as database:
        return database.execute(question).fetchall()
