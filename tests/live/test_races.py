"""The limits of live sessions, and their links to captions, hold for many threads."""

import time

import pytest

from tests.support.live import LiveHarness, MakeHarness
from tests.support.races import THREADS, race
from whisper_appliance.accounts.tokens import new_token


@pytest.mark.parametrize(
    ("limits", "opened"),
    [({"sessions": 3, "sessions_per_user": 99}, 3), ({"sessions": 99, "sessions_per_user": 2}, 4)],
    ids=["in all", "of each of two users"],
)
def test_no_more_sessions_are_open_than_the_limit(
    make_harness: MakeHarness, limits: dict[str, int], opened: int
) -> None:
    harness = make_harness(**limits)
    assert race(["ann", "bob"], harness.open) == {"ok": opened, "Busy": THREADS - opened}
    assert harness.sessions.counts().sessions == opened


def test_a_session_has_one_link_to_its_captions(
    harness: LiveHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_token() -> str:
        time.sleep(0.05)  # without a lock, all others check for a link meanwhile
        return new_token()

    monkeypatch.setattr("whisper_appliance.live.sharing.new_token", slow_token)
    tokens: list[str] = []
    sharing = harness.sessions.sharing
    race([harness.open().session], lambda session: tokens.append(sharing.share(session, owner="ann")))
    assert len(set(tokens)) == 1
