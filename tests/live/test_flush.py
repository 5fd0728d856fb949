"""A flush commits the words so far without a pause; endpointing follows the options of the session."""

from tests.support.live import LiveHarness
from tests.support.speech import silence, spoken
from whisper_appliance.live.endpointing import Endpointing
from whisper_appliance.live.replay import SessionRequest


def test_a_flush_commits_all_words_before_it_and_none_after(harness: LiveHarness) -> None:
    opened = harness.open()
    sent = harness.send(opened, spoken(1, 5))
    harness.sessions.flush(opened.session, connection="socket")
    harness.until("flushed")
    assert harness.committed() == " w1 w2 w3 w4"
    sent = harness.send(opened, spoken(5, 8) + silence(1), sent)
    assert harness.stop(opened, sent)["text"] == "w1 w2 w3 w4 w5 w6 w7"


def test_a_flush_in_silence_follows_the_words_before(harness: LiveHarness) -> None:
    opened = harness.open()
    harness.send(opened, spoken(1, 4) + silence(2))
    harness.sessions.flush(opened.session, connection="socket")
    assert harness.until("flushed")["t"] == 3.2
    assert harness.committed() == " w1 w2 w3"


def test_an_utterance_ends_after_the_pause_of_its_session(harness: LiveHarness) -> None:
    opened = harness.sessions.open(
        SessionRequest(endpointing=Endpointing(pause_seconds=2.0)), owner="ann", connection="socket"
    )
    harness.send(opened, spoken(1, 4) + silence(1.5) + spoken(4, 6) + silence(2.5))
    ended = harness.until("utterance")
    assert ended["language"] == "en"
    assert harness.committed() == " w1 w2 w3 w4 w5"
    assert [event["speech"] for event in harness.of("vad")] == [True, False]


def test_words_wait_for_the_end_of_the_utterance_without_an_interval(harness: LiveHarness) -> None:
    opened = harness.sessions.open(SessionRequest(interval_factor=None), owner="ann", connection="socket")
    harness.send(opened, spoken(1, 9) + silence(1))
    harness.until("utterance")
    assert [event["text"] for event in harness.of("commit")] == [" w1 w2 w3 w4 w5 w6 w7 w8"]
    assert harness.of("partial") == []
