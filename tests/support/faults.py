"""The started program in a folder of its own, and what can be done to it."""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.serving import Server, served
from tests.web.live_client import LIVE_SERVER, settings_of

REAL = ("-m", "whisper_appliance", "serve")
Serve = Callable[..., AbstractContextManager[Server]]


@pytest.fixture
def serve(tmp_path: Path, tiny_en: Path) -> Serve:
    """Starts the program, again and again over the same data; scripted unless said otherwise."""
    settings = settings_of(tiny_en, tmp_path) | {"HEARD": f"{tmp_path}/heard", "WINDOW_SECONDS": "0"}

    @contextmanager
    def start(program: tuple[str, ...] = LIVE_SERVER, **variables: str) -> Iterator[Server]:
        with served(tmp_path, program, **(settings | variables)) as server:
            yield server

    return start


def until(true: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Waits until something is true, and returns it."""
    deadline = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return value


def heard(folder: Path) -> Counter[str]:
    """How often each window was heard, in all runs."""
    path = folder / "heard"
    return Counter(path.read_text().split() if path.exists() else [])


def rows(folder: Path, question: str) -> list[Any]:
    """What stands in the database."""
    with closing(sqlite3.connect(f"file:{folder}/data/appliance.sqlite?mode=ro", uri=True)) as database:
        return database.execute(question).fetchall()
