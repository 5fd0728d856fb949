"""The live manager: acknowledged audio is decoded, and every event is published once."""

import errno
from typing import NoReturn
from unittest.mock import Mock

import pytest

from tests.support.live import LiveHarness, MakeHarness
from tests.support.speech import WORD_SECONDS, packets, silence, spoken
from whisper_appliance.core.errors import (
    Busy,
    DiskFull,
    InvalidRequest,
    ModelUnavailable,
    NotFound,
    TooLarge,
    Unavailable,
)
from whisper_appliance.engines.contract import Priority
from whisper_appliance.live.manager import SessionRequest
from whisper_appliance.live.results import ViewerState


def text(first: int, stop: int) -> str:
    return " ".join(f"w{number}" for number in range(first, stop))


def fail_to_read(_start: int, _stop: int) -> NoReturn:
    raise OSError(errno.EIO, "Input/output error")


def test_speech_becomes_captions_and_a_transcript(harness: LiveHarness) -> None:
    opened = harness.open()
    next_seq = harness.send(opened, silence(0.5) + spoken(1, 11) + silence(1) + spoken(11, 21) + silence(0.2))
    end = harness.stop(opened, next_seq)
    assert harness.committed().strip() == text(1, 21)
    assert end["text"] == text(1, 21)
    kept = harness.saved[str(end["transcript_id"])]
    assert kept.transcript.text == text(1, 21)
    assert kept.transcript.duration == pytest.approx(9.7)
    assert harness.when(lambda: harness.retranscribed)[0].audio.stat().st_size == 44 + 2 * 9.7 * 16000


def test_captions_appear_before_the_speech_ends(harness: LiveHarness) -> None:
    opened = harness.open()
    harness.send(opened, spoken(1, 5))
    harness.until("partial")
    harness.send(opened, spoken(5, 9), first=16)
    harness.until("commit")
    assert harness.committed().strip() in text(1, 9)


def test_silence_is_not_decoded_and_gives_no_words(harness: LiveHarness) -> None:
    opened = harness.open()
    end = harness.stop(opened, harness.send(opened, silence(20)))
    assert harness.models.loaded.windows == []
    assert end["text"] == ""


def test_packets_are_stored_once_and_in_order(harness: LiveHarness) -> None:
    opened = harness.open()
    pieces = list(packets(spoken(1, 6) + silence(1)))
    for seq in (0, 2, 1, 1, 0, 2, 5, 3):
        ack = harness.sessions.feed(opened.session, seq, pieces[seq], connection="socket")
        assert ack.ok == (seq not in (2, 5) or ack.next_seq > seq)
    assert ack.next_seq == 4
    harness.send(opened, b"".join(pieces[4:]), first=4)
    assert harness.stop(opened, len(pieces))["text"] == text(1, 6)


def test_stop_waits_for_packets_that_are_missing(harness: LiveHarness) -> None:
    opened = harness.open()
    pieces = list(packets(spoken(1, 6) + silence(1)))
    harness.sessions.feed(opened.session, 0, pieces[0], connection="socket")
    ack = harness.sessions.stop(opened.session, len(pieces), connection="socket")
    assert (ack.ok, ack.next_seq) == (False, 1)
    harness.send(opened, b"".join(pieces[1:]), first=1)
    assert harness.stop(opened, len(pieces))["text"] == text(1, 6)


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"x", InvalidRequest), (b"", InvalidRequest), (b"xyz", InvalidRequest), (bytes(65538), TooLarge)],
)
def test_an_invalid_packet_is_refused_and_changes_nothing(
    harness: LiveHarness, data: bytes, error: type[Exception]
) -> None:
    opened = harness.open()
    with pytest.raises(error):
        harness.sessions.feed(opened.session, 0, data, connection="socket")
    assert harness.stop(opened, harness.send(opened, spoken(1, 6)))["text"] == text(1, 6)


def test_packets_of_any_even_size_are_accepted(harness: LiveHarness) -> None:
    opened = harness.open()
    pcm = spoken(1, 41) + silence(1)
    sizes, at, seq = [2, 65536, 4, 1000, 65534, 6, 30000], 0, 0
    while at < len(pcm):
        size = sizes[seq % len(sizes)]
        harness.sessions.feed(opened.session, seq, pcm[at : at + size], connection="socket")
        at, seq = at + size, seq + 1
    assert harness.stop(opened, seq)["text"] == text(1, 41)


def test_a_session_above_the_limit_is_refused_as_busy(make_harness: MakeHarness) -> None:
    harness = make_harness(sessions=3, sessions_per_user=2)
    first = harness.open("ann")
    harness.open("ann")
    with pytest.raises(Busy):
        harness.open("ann")
    harness.open("bob")
    with pytest.raises(Busy):
        harness.open("carl")
    harness.stop(first)
    harness.open("carl")


def test_a_session_that_its_client_has_ended_counts_no_more_against_the_client(
    make_harness: MakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = make_harness(sessions=3, sessions_per_user=1)
    ended = harness.open("ann")
    harness.send(ended, spoken(1, 6))
    with monkeypatch.context() as storage:
        storage.setattr(harness.sessions.sessions[0].recording, "read", fail_to_read)  # its end has to wait
        assert harness.sessions.stop(ended.session, 0, connection="socket").ok
        harness.open("ann")
    with pytest.raises(Busy):
        harness.open("ann")


def test_sessions_without_an_owner_are_limited_by_network(make_harness: MakeHarness) -> None:
    manager = make_harness(sessions=3, sessions_per_user=2).sessions
    for connection in ("a", "b"):
        manager.open(SessionRequest(), owner="", connection=connection, network="192.0.2.1")
    with pytest.raises(Busy):
        manager.open(SessionRequest(), owner="", connection="c", network="192.0.2.1")
    manager.open(SessionRequest(), owner="", connection="d", network="192.0.2.2")


def test_the_cookies_of_one_address_share_its_live_sessions(make_harness: MakeHarness) -> None:
    manager = make_harness(sessions=4, sessions_per_user=1).sessions
    for cookie in ("a", "b", "c"):
        manager.open(SessionRequest(), owner=cookie, connection=cookie, network="192.0.2.1")
    with pytest.raises(Busy, match="address"):
        manager.open(SessionRequest(), owner="d", connection="d", network="192.0.2.1")
    manager.open(SessionRequest(), owner="d", connection="d", network="192.0.2.2")


def test_a_full_disk_refuses_new_sessions(make_harness: MakeHarness) -> None:
    harness = make_harness(min_free_bytes=2**60)
    with pytest.raises(DiskFull, match="free disk space"):
        harness.open("ann")
    assert harness.sessions.counts().sessions == 0


def test_a_packet_above_the_size_limit_is_refused(make_harness: MakeHarness) -> None:
    harness = make_harness(packet_bytes=3200)
    opened = harness.open("ann")
    assert opened.max_packet_bytes == 3200
    with pytest.raises(TooLarge, match="3200 bytes"):
        harness.sessions.feed(opened.session, 0, bytes(3202), connection="socket")
    assert harness.sessions.feed(opened.session, 0, bytes(3200), connection="socket").ok


def test_sessions_without_an_owner_have_no_limit_per_user(make_harness: MakeHarness) -> None:
    harness = make_harness(sessions=3, sessions_per_user=1)
    for _ in range(3):
        harness.open("")
    assert harness.sessions.counts().sessions == 3


def test_a_missing_model_is_refused_at_once_and_leaves_no_session(harness: LiveHarness) -> None:
    harness.models.missing = True
    with pytest.raises(ModelUnavailable):
        harness.open()
    assert harness.sessions.counts().sessions == 0


@pytest.mark.parametrize("request_", [SessionRequest(rate=44100), SessionRequest(format="mp3")])  # type: ignore[arg-type] # as a client may say
def test_an_unsupported_format_is_refused(harness: LiveHarness, request_: SessionRequest) -> None:
    with pytest.raises(InvalidRequest):
        harness.sessions.open(request_, owner="ann", connection="socket")


def test_a_session_belongs_to_its_newest_connection_only(harness: LiveHarness) -> None:
    opened = harness.open()
    with pytest.raises(NotFound):
        harness.sessions.feed(opened.session, 0, silence(0.1), connection="another")
    with pytest.raises(NotFound):
        harness.sessions.resume(opened.session, "not the token", last_eid=0, connection="another")
    harness.sessions.resume(opened.session, opened.token, last_eid=0, connection="another")
    harness.sessions.detach(opened.session, connection="socket")
    with pytest.raises(NotFound):
        harness.send(opened, silence(0.1))
    assert harness.sessions.feed(opened.session, 0, silence(0.1), connection="another").ok


def test_a_resume_replays_missed_events_once(harness: LiveHarness) -> None:
    opened = harness.open()
    next_seq = harness.send(opened, spoken(1, 6) + silence(1))
    harness.when(lambda: harness.committed().strip() == text(1, 6))
    seen = max(int(payload["eid"]) for payload in harness.of("commit", "vad"))
    harness.sessions.detach(opened.session, connection="socket")
    next_seq = next_seq if next_seq else 0
    resumed = harness.sessions.resume(opened.session, opened.token, last_eid=1, connection="socket")
    assert resumed.next_seq == next_seq
    assert [payload["eid"] for payload in resumed.events] == list(range(2, seen + 1))
    assert resumed.snapshot is None


def test_a_resume_without_state_returns_a_snapshot(harness: LiveHarness) -> None:
    opened = harness.open()
    harness.send(opened, spoken(1, 6) + silence(1))
    harness.when(lambda: harness.committed().strip() == text(1, 6))
    resumed = harness.sessions.resume(opened.session, opened.token, last_eid=None, connection="socket")
    assert resumed.snapshot
    assert resumed.snapshot["text"] == text(1, 6)
    assert resumed.events == ()


def test_a_session_that_is_not_resumed_in_time_is_stopped(make_harness: MakeHarness) -> None:
    harness = make_harness(resume_seconds=600)
    opened = harness.open()
    harness.send(opened, spoken(1, 6))
    harness.sessions.detach(opened.session, connection="socket")
    harness.skipped = 599
    assert harness.sessions.counts().sessions == 1
    harness.skipped = 601
    assert harness.until("end")["text"] == text(1, 6)


def test_a_connected_client_that_sends_nothing_is_stopped(make_harness: MakeHarness) -> None:
    harness = make_harness(idle_seconds=60)
    opened = harness.open()
    harness.send(opened, spoken(1, 6))
    harness.skipped = 61
    assert harness.until("end")["text"] == text(1, 6)
    assert harness.of("error")[0]["code"] == "idle"


def test_a_session_is_stopped_at_its_maximum_length(make_harness: MakeHarness) -> None:
    harness = make_harness(session_seconds=8 * WORD_SECONDS)  # the last packet reaches it
    opened = harness.open()
    harness.send(opened, spoken(1, 9))
    assert harness.until("end")["text"] == text(1, 9)
    assert harness.of("error")[0]["code"] == "session_limit"


def test_a_cancelled_session_keeps_nothing(harness: LiveHarness) -> None:
    opened = harness.open()
    harness.send(opened, spoken(1, 6))
    harness.sessions.cancel(opened.session, connection="socket")
    assert harness.until("end")["transcript_id"] is None
    harness.when(lambda: harness.sessions.counts().sessions == 0)
    assert not harness.saved
    with pytest.raises(NotFound):
        harness.sessions.resume(opened.session, opened.token, last_eid=0, connection="socket")


def test_a_cancelled_session_that_cannot_be_removed_at_once_is_not_transcribed(
    make_harness: MakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whisper_appliance.live.finisher.RETRY_SECONDS", 0.1)
    harness = make_harness()
    opened = harness.open()
    harness.send(opened, spoken(1, 6))
    session = harness.sessions.sessions[0]
    remove = Mock(side_effect=[OSError(errno.EIO, "Input/output error"), None])
    monkeypatch.setattr(session, "remove", remove)
    harness.sessions.cancel(opened.session, connection="socket")
    harness.when(lambda: remove.call_count == 2)
    assert not harness.retranscribed


def test_viewers_get_the_captions_so_far_until_the_link_is_revoked(harness: LiveHarness) -> None:
    opened = harness.open()
    harness.send(opened, spoken(1, 6) + silence(1))
    harness.when(lambda: harness.committed().strip() == text(1, 6))
    link = harness.sessions.sharing.share(opened.session, connection="socket")
    watched = harness.sessions.sharing.viewer_state(link)
    assert (watched.session, watched.snapshot["text"]) == (opened.session, text(1, 6))
    assert watched.task == "transcribe"
    assert (watched.partial or {"text": ""})["text"] == ""
    assert not watched.ended
    assert harness.sessions.sharing.share(opened.session, connection="socket") == link
    harness.sessions.sharing.unshare(opened.session, connection="socket")
    with pytest.raises(NotFound):
        harness.sessions.sharing.viewer_state(link)


def test_viewers_are_told_that_the_captions_are_a_translation(harness: LiveHarness) -> None:
    opened = harness.open(task="translate")
    link = harness.sessions.sharing.share(opened.session, connection="socket")
    assert harness.sessions.sharing.viewer_state(link).task == "translate"


def test_a_late_viewer_gets_the_current_partial(harness: LiveHarness) -> None:
    opened = harness.open()
    link = harness.sessions.sharing.share(opened.session, connection="socket")
    harness.send(opened, spoken(1, 6) + silence(1) + spoken(6, 9))

    def both() -> ViewerState | None:
        watched = harness.sessions.sharing.viewer_state(link)
        tentative = watched.partial and watched.partial["text"]
        return watched if tentative and len(str(watched.snapshot["text"]).split()) >= 5 else None

    watched = harness.when(both)
    assert watched.partial
    settled = len(str(watched.snapshot["text"]).split())
    assert watched.partial["after"] == settled
    # What is still being said is heard as "eh".
    assert str(watched.partial["text"]).split()[0] in (f"w{settled + 1}", "eh")


def test_a_resume_after_the_end_returns_the_end(harness: LiveHarness) -> None:
    opened = harness.open()
    link = harness.sessions.sharing.share(opened.session, connection="socket")
    end = harness.stop(opened, harness.send(opened, spoken(1, 6)))
    for _ in range(2):
        resumed = harness.sessions.resume(opened.session, opened.token, last_eid=None, connection="other")
        assert resumed.snapshot
        assert resumed.snapshot["text"] == text(1, 6)
        assert [(told["kind"], told["transcript_id"]) for told in resumed.events] == [
            ("end", end["transcript_id"])
        ]
        assert resumed.events[0]["eid"] == resumed.snapshot["eid"] + 1  # type: ignore[operator]
    assert harness.sessions.sharing.viewer_state(link).ended


def test_a_window_that_fails_loses_no_audio(harness: LiveHarness) -> None:
    opened = harness.open()
    harness.models.loaded.failing = True
    next_seq = harness.send(opened, spoken(1, 6))
    harness.when(lambda: harness.models.loaded.windows)
    harness.models.loaded.failing = False
    next_seq = harness.send(opened, silence(1) + spoken(6, 11) + silence(1), first=next_seq)
    assert harness.stop(opened, next_seq)["text"] == text(1, 11)


def test_a_session_whose_storage_fails_holds_up_no_other_and_goes_on(
    make_harness: MakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whisper_appliance.live.decode_loop.STORAGE_RETRY_SECONDS", 0.1)
    harness = make_harness()
    broken, other = harness.open(), harness.open()
    with monkeypatch.context() as storage:
        read = Mock(side_effect=fail_to_read)
        storage.setattr(harness.sessions.sessions[0].recording, "read", read)
        next_seq = harness.send(broken, spoken(1, 6))
        harness.when(lambda: read.called)
        assert harness.stop(other, harness.send(other, spoken(1, 6)))["text"] == text(1, 6)
    assert harness.stop(broken, next_seq)["text"] == text(1, 6)


def test_captions_that_cannot_be_written_follow_once_they_can(
    make_harness: MakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whisper_appliance.live.decode_loop.STORAGE_RETRY_SECONDS", 0.1)
    harness = make_harness()
    opened = harness.open()
    with monkeypatch.context() as storage:
        add = Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
        storage.setattr("whisper_appliance.live.journal.Journal.add", add)
        next_seq = harness.send(opened, spoken(1, 6) + silence(1))
        harness.when(lambda: add.call_count > 1)
    harness.until("commit")
    assert harness.stop(opened, next_seq)["text"] == harness.committed().strip() == text(1, 6)
    eids = [payload["eid"] for payload in harness.received()]
    assert eids == list(range(1, len(eids) + 1))


@pytest.mark.parametrize("error", [OSError("away"), Unavailable("locked"), RuntimeError("a fault")])
def test_a_session_that_cannot_be_saved_is_saved_later(
    make_harness: MakeHarness, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("whisper_appliance.live.finisher.RETRY_SECONDS", 0.1)
    harness = make_harness()
    harness.failures.append(error)
    opened = harness.open()
    assert harness.stop(opened, harness.send(opened, spoken(1, 6)))["text"] == text(1, 6)
    assert not harness.failures
    harness.when(lambda: harness.retranscribed)


def test_captions_are_decoded_before_paragraphs_are_refined(harness: LiveHarness) -> None:
    opened = harness.open()
    next_seq = harness.send(opened, spoken(1, 11) + silence(2))
    refined = harness.until("final")
    assert (refined["i0"], refined["i1"], str(refined["text"]).strip()) == (0, 10, text(1, 11))
    priorities = [priority for priority, _ in harness.models.loaded.windows]
    assert priorities.count(Priority.INTERACTIVE) == 1
    assert priorities.count(Priority.LIVE) >= 1
    assert harness.stop(opened, next_seq)["text"] == text(1, 11)


def test_engine_leases_are_released(harness: LiveHarness) -> None:
    opened = harness.open()
    assert harness.models.leases == 1
    harness.stop(opened, harness.send(opened, spoken(1, 3)))
    harness.when(lambda: harness.models.leases == 0)
