"""One appliance for live sessions, shared by the tests of the socket protocols."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live_client import LIVE_SERVER, RecordingClient, client, settings_of
from tests.support.program import Server, served


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("live")
    with served(folder, LIVE_SERVER, **settings_of(tiny_en, folder)) as running:
        yield running


@pytest.fixture
def speaker(server: Server) -> Iterator[RecordingClient]:
    with client(server) as connected:
        yield connected
