"""Administration of the live sessions of all users."""

from dataclasses import asdict

import pytest

from tests.support.live import LiveHarness, MakeHarness
from tests.support.speech import silence, spoken
from whisper_appliance.core.errors import NotFound
from whisper_appliance.live.admin import LiveAdmin


@pytest.fixture
def oversight(harness: LiveHarness) -> LiveAdmin:
    return LiveAdmin(harness.sessions)


def test_sessions_are_listed_without_their_words(harness: LiveHarness, oversight: LiveAdmin) -> None:
    opened = harness.open(language="en", title="Secret title", prompt="secret words")
    harness.send(opened, spoken(1, 6) + silence(1))
    harness.until("commit")
    (seen,) = oversight.open_sessions()
    assert (seen.handle, seen.owner, seen.language, seen.state) == (opened.session[:16], "ann", "en", "on")
    assert seen.audio_seconds > 1
    told = str(asdict(seen))
    assert "ecret" not in told
    assert "w1" not in told
    assert opened.session not in told
    harness.sessions.detach(opened.session, connection="socket")
    assert oversight.open_sessions()[0].state == "away"


def test_a_stopped_session_keeps_its_transcript_and_sends_the_reason(
    harness: LiveHarness, oversight: LiveAdmin
) -> None:
    opened = harness.open()
    harness.send(opened, spoken(1, 6) + silence(1))
    oversight.stop(opened.session[:16])
    assert harness.until("error")["code"] == "ended_by_admin"
    end = harness.until("end", opened.session)
    assert end["text"] == "w1 w2 w3 w4 w5"
    assert opened.session in harness.saved
    assert oversight.open_sessions() == ()


def test_an_unknown_session_cannot_be_stopped(oversight: LiveAdmin) -> None:
    with pytest.raises(NotFound):
        oversight.stop("0" * 16)


def test_an_open_session_is_transferred_to_another_owner_for_good(make_harness: MakeHarness) -> None:
    harness = make_harness()
    opened = harness.open(owner="visitor")
    other = harness.open(owner="bob")
    sent = harness.send(opened, spoken(1, 6) + silence(1))
    LiveAdmin(harness.sessions).transfer("visitor", "ann")
    harness.close()

    harness = make_harness()
    assert {seen.owner for seen in LiveAdmin(harness.sessions).open_sessions()} == {"ann", "bob"}
    harness.sessions.resume(opened.session, opened.token, last_eid=None, connection="socket")
    harness.stop(opened, sent)
    assert harness.saved[opened.session].info.owner == "ann"
    assert other.session not in harness.saved


def test_sessions_without_an_owner_are_not_transferred(harness: LiveHarness, oversight: LiveAdmin) -> None:
    harness.open(owner="")
    oversight.transfer("", "ann")
    oversight.cancel_owned_by("")
    assert [seen.owner for seen in oversight.open_sessions()] == [""]


def test_cancelling_the_sessions_of_an_owner_keeps_nothing(
    harness: LiveHarness, oversight: LiveAdmin
) -> None:
    opened = harness.open(owner="ann")
    harness.send(opened, spoken(1, 6) + silence(1))
    harness.until("commit")
    oversight.cancel_owned_by("ann")
    assert harness.until("end", opened.session)["transcript_id"] is None
    assert not harness.saved
