"""The live room as a client sees it: acknowledged audio is heard, and every event comes once."""

import pytest

from tests.support.live import House, MakeHouse
from tests.support.speech import packets, silence, spoken
from whisper_appliance.core.errors import Busy, DiskFull, InvalidRequest, ModelUnavailable, NotFound, TooLarge
from whisper_appliance.engines.contract import Priority
from whisper_appliance.live.manager import SessionRequest
from whisper_appliance.live.results import ViewerState


def text(first: int, stop: int) -> str:
    return " ".join(f"w{number}" for number in range(first, stop))


def test_what_is_spoken_becomes_captions_and_a_transcript(house: House) -> None:
    opened = house.open()
    next_seq = house.send(opened, silence(0.5) + spoken(1, 11) + silence(1) + spoken(11, 21) + silence(0.2))
    end = house.stop(opened, next_seq)
    assert house.committed().strip() == text(1, 21)
    assert end["text"] == text(1, 21)
    kept = house.kept[str(end["transcript_id"])]
    assert kept.transcript.text == text(1, 21)
    assert kept.transcript.duration == pytest.approx(9.7)
    assert house.when(lambda: house.heard_again)[0].audio.stat().st_size == 44 + 2 * 9.7 * 16000


def test_captions_appear_while_somebody_still_speaks(house: House) -> None:
    opened = house.open()
    house.send(opened, spoken(1, 5))
    house.until("partial")
    house.send(opened, spoken(5, 9), first=16)
    house.until("commit")
    assert house.committed().strip() in text(1, 9)


def test_silence_costs_no_hearing_and_gives_no_words(house: House) -> None:
    opened = house.open()
    end = house.stop(opened, house.send(opened, silence(20)))
    assert house.models.loaded.windows == []
    assert end["text"] == ""


def test_packets_are_taken_once_and_in_order(house: House) -> None:
    opened = house.open()
    pieces = list(packets(spoken(1, 6) + silence(1)))
    for seq in (0, 2, 1, 1, 0, 2, 5, 3):
        ack = house.sessions.feed(opened.session, seq, pieces[seq], connection="socket")
        assert ack.ok == (seq not in (2, 5) or ack.next_seq > seq)
    assert ack.next_seq == 4
    house.send(opened, b"".join(pieces[4:]), first=4)
    assert house.stop(opened, len(pieces))["text"] == text(1, 6)


def test_stop_waits_for_packets_that_are_missing(house: House) -> None:
    opened = house.open()
    pieces = list(packets(spoken(1, 6) + silence(1)))
    house.sessions.feed(opened.session, 0, pieces[0], connection="socket")
    ack = house.sessions.stop(opened.session, len(pieces), connection="socket")
    assert (ack.ok, ack.next_seq) == (False, 1)
    house.send(opened, b"".join(pieces[1:]), first=1)
    assert house.stop(opened, len(pieces))["text"] == text(1, 6)


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"x", InvalidRequest), (b"", InvalidRequest), (b"xyz", InvalidRequest), (bytes(65538), TooLarge)],
)
def test_a_packet_that_is_no_audio_is_refused_and_harms_nothing(
    house: House, data: bytes, error: type[Exception]
) -> None:
    opened = house.open()
    with pytest.raises(error):
        house.sessions.feed(opened.session, 0, data, connection="socket")
    assert house.stop(opened, house.send(opened, spoken(1, 6)))["text"] == text(1, 6)


def test_packets_of_any_even_size_are_taken(house: House) -> None:
    opened = house.open()
    pcm = spoken(1, 41) + silence(1)
    sizes, at, seq = [2, 65536, 4, 1000, 65534, 6, 30000], 0, 0
    while at < len(pcm):
        size = sizes[seq % len(sizes)]
        house.sessions.feed(opened.session, seq, pcm[at : at + size], connection="socket")
        at, seq = at + size, seq + 1
    assert house.stop(opened, seq)["text"] == text(1, 41)


def test_one_session_too_many_is_busy(make_house: MakeHouse) -> None:
    house = make_house(sessions=3, sessions_per_user=2)
    first = house.open("ann")
    house.open("ann")
    with pytest.raises(Busy):
        house.open("ann")
    house.open("bob")
    with pytest.raises(Busy):
        house.open("carl")
    house.stop(first)
    house.open("carl")


def test_on_a_full_disk_no_session_begins(make_house: MakeHouse) -> None:
    house = make_house(min_free_bytes=2**60)
    with pytest.raises(DiskFull, match="free disk space"):
        house.open("ann")
    assert house.sessions.counts().sessions == 0


def test_a_packet_has_a_largest_size(make_house: MakeHouse) -> None:
    house = make_house(packet_bytes=3200)
    opened = house.open("ann")
    assert opened.max_packet_bytes == 3200
    with pytest.raises(TooLarge, match="3200 bytes"):
        house.sessions.feed(opened.session, 0, bytes(3202), connection="socket")
    assert house.sessions.feed(opened.session, 0, bytes(3200), connection="socket").ok


def test_nobodys_sessions_are_limited_by_the_whole_alone(make_house: MakeHouse) -> None:
    house = make_house(sessions=3, sessions_per_user=1)
    for _ in range(3):
        house.open("")
    assert house.sessions.counts().sessions == 3


def test_a_missing_model_is_said_at_once_and_leaves_nothing(house: House) -> None:
    house.models.missing = True
    with pytest.raises(ModelUnavailable):
        house.open()
    assert house.sessions.counts().sessions == 0


@pytest.mark.parametrize("request_", [SessionRequest(rate=44100), SessionRequest(format="mp3")])  # type: ignore[arg-type] # as a client may say
def test_a_format_that_is_not_taken_is_refused(house: House, request_: SessionRequest) -> None:
    with pytest.raises(InvalidRequest):
        house.sessions.open(request_, owner="ann", connection="socket")


def test_a_session_is_there_for_its_newest_connection_alone(house: House) -> None:
    opened = house.open()
    with pytest.raises(NotFound):
        house.sessions.feed(opened.session, 0, silence(0.1), connection="another")
    with pytest.raises(NotFound):
        house.sessions.resume(opened.session, "not the token", last_eid=0, connection="another")
    house.sessions.resume(opened.session, opened.token, last_eid=0, connection="another")
    house.sessions.detach(opened.session, connection="socket")
    with pytest.raises(NotFound):
        house.send(opened, silence(0.1))
    assert house.sessions.feed(opened.session, 0, silence(0.1), connection="another").ok


def test_who_comes_back_is_told_what_was_missed_once(house: House) -> None:
    opened = house.open()
    next_seq = house.send(opened, spoken(1, 6) + silence(1))
    house.when(lambda: house.committed().strip() == text(1, 6))
    seen = max(int(payload["eid"]) for payload in house.of("commit", "vad"))
    house.sessions.detach(opened.session, connection="socket")
    next_seq = next_seq if next_seq else 0
    resumed = house.sessions.resume(opened.session, opened.token, last_eid=1, connection="socket")
    assert resumed.next_seq == next_seq
    assert [payload["eid"] for payload in resumed.events] == list(range(2, seen + 1))
    assert resumed.snapshot is None


def test_who_has_forgotten_all_gets_all_words_so_far(house: House) -> None:
    opened = house.open()
    house.send(opened, spoken(1, 6) + silence(1))
    house.when(lambda: house.committed().strip() == text(1, 6))
    resumed = house.sessions.resume(opened.session, opened.token, last_eid=None, connection="socket")
    assert resumed.snapshot
    assert resumed.snapshot["text"] == text(1, 6)
    assert resumed.events == ()


def test_a_session_nobody_takes_up_again_ends_as_by_stop(make_house: MakeHouse) -> None:
    house = make_house(resume_seconds=600)
    opened = house.open()
    house.send(opened, spoken(1, 6))
    house.sessions.detach(opened.session, connection="socket")
    house.skipped = 599
    assert house.sessions.counts().sessions == 1
    house.skipped = 601
    assert house.until("end")["text"] == text(1, 6)


def test_a_connected_client_that_sends_nothing_is_not_waited_for(make_house: MakeHouse) -> None:
    house = make_house(idle_seconds=60)
    opened = house.open()
    house.send(opened, spoken(1, 6))
    house.skipped = 61
    assert house.until("end")["text"] == text(1, 6)
    assert house.of("error")[0]["code"] == "idle"


def test_a_session_has_a_longest_time(make_house: MakeHouse) -> None:
    house = make_house(session_seconds=3)
    opened = house.open()
    house.send(opened, spoken(1, 9))
    assert house.until("end")["text"] == text(1, 9)
    assert house.of("error")[0]["code"] == "session_limit"


def test_of_a_cancelled_session_nothing_is_kept(house: House) -> None:
    opened = house.open()
    house.send(opened, spoken(1, 6))
    house.sessions.cancel(opened.session, connection="socket")
    assert house.until("end")["transcript_id"] is None
    house.when(lambda: house.sessions.counts().sessions == 0)
    assert not house.kept
    with pytest.raises(NotFound):
        house.sessions.resume(opened.session, opened.token, last_eid=0, connection="socket")


def test_readers_of_the_captions_get_the_words_so_far_until_the_speaker_ends_it(house: House) -> None:
    opened = house.open()
    house.send(opened, spoken(1, 6) + silence(1))
    house.when(lambda: house.committed().strip() == text(1, 6))
    link = house.sessions.sharing.share(opened.session, connection="socket")
    watched = house.sessions.sharing.viewer_state(link)
    assert (watched.session, watched.snapshot["text"]) == (opened.session, text(1, 6))
    assert (watched.partial or {"text": ""})["text"] == ""
    assert not watched.ended
    assert house.sessions.sharing.share(opened.session, connection="socket") == link
    house.sessions.sharing.unshare(opened.session, connection="socket")
    with pytest.raises(NotFound):
        house.sessions.sharing.viewer_state(link)


def test_who_comes_late_sees_what_is_being_said(house: House) -> None:
    opened = house.open()
    link = house.sessions.sharing.share(opened.session, connection="socket")
    house.send(opened, spoken(1, 6) + silence(1) + spoken(6, 9))

    def both() -> ViewerState | None:
        watched = house.sessions.sharing.viewer_state(link)
        tentative = watched.partial and watched.partial["text"]
        return watched if tentative and len(str(watched.snapshot["text"]).split()) >= 5 else None

    watched = house.when(both)
    assert watched.partial
    settled = len(str(watched.snapshot["text"]).split())
    assert watched.partial["after"] == settled
    # What is still being said is heard as "eh".
    assert str(watched.partial["text"]).split()[0] in (f"w{settled + 1}", "eh")


def test_who_takes_a_session_up_after_its_end_is_told_of_it(house: House) -> None:
    opened = house.open()
    link = house.sessions.sharing.share(opened.session, connection="socket")
    end = house.stop(opened, house.send(opened, spoken(1, 6)))
    for _ in range(2):
        resumed = house.sessions.resume(opened.session, opened.token, last_eid=None, connection="other")
        assert resumed.snapshot
        assert resumed.snapshot["text"] == text(1, 6)
        assert [(told["kind"], told["transcript_id"]) for told in resumed.events] == [
            ("end", end["transcript_id"])
        ]
        assert resumed.events[0]["eid"] == resumed.snapshot["eid"] + 1  # type: ignore[operator]
    assert house.sessions.sharing.viewer_state(link).ended


def test_a_window_that_fails_loses_no_audio(house: House) -> None:
    opened = house.open()
    house.models.loaded.failing = True
    next_seq = house.send(opened, spoken(1, 6))
    house.when(lambda: house.models.loaded.windows)
    house.models.loaded.failing = False
    next_seq = house.send(opened, silence(1) + spoken(6, 11) + silence(1), first=next_seq)
    assert house.stop(opened, next_seq)["text"] == text(1, 11)


def test_captions_go_before_better_words_for_paragraphs(house: House) -> None:
    opened = house.open()
    next_seq = house.send(opened, spoken(1, 11) + silence(2))
    refined = house.until("final")
    assert (refined["i0"], refined["i1"], str(refined["text"]).strip()) == (0, 10, text(1, 11))
    priorities = [priority for priority, _ in house.models.loaded.windows]
    assert priorities.count(Priority.INTERACTIVE) == 1
    assert priorities.count(Priority.LIVE) >= 1
    assert house.stop(opened, next_seq)["text"] == text(1, 11)


def test_leases_are_given_back(house: House) -> None:
    opened = house.open()
    assert house.models.leases == 1
    house.stop(opened, house.send(opened, spoken(1, 3)))
    house.when(lambda: house.models.leases == 0)
