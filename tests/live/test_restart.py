"""kill -9 during a session: acknowledged audio is transcribed, and no event is published twice."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.forked import ForkedProgram
from tests.support.live import MakeHarness
from tests.support.program import commanded, send_command
from tests.support.speech import packets, silence, spoken

pytestmark = pytest.mark.slow  # starts and kills programs

SPEECH = spoken(1, 9) + silence(1) + spoken(9, 21) + silence(0.8) + spoken(21, 31) + silence(0.3)
TEXT = " ".join(f"w{number}" for number in range(1, 31))


class Program:
    """The program in its own process, and a client of it."""

    def __init__(self, process: ForkedProgram, folder: Path) -> None:
        self._process = process
        self._folder = folder

    def ask(self, **given: Any) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(send_command(self._process, json.dumps(given)))
        return answer

    def kill(self) -> list[dict[str, Any]]:
        """Kills it; returns the events it had published."""
        self._process.kill()
        self._process.wait()
        lines = (self._folder / "told").read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines]


@contextmanager
def program(folder: Path) -> Iterator[Program]:
    with commanded("live", str(folder / "live")) as process:
        yield Program(process, folder)


def fed_and_killed(folder: Path, count: int, *, pace_seconds: float) -> tuple[Any, list[dict[str, Any]]]:
    """A session killed after some acknowledged packets, and the events until then."""
    with program(folder) as running:
        opened = running.ask(do="open")
        for seq, packet in list(enumerate(packets(SPEECH)))[:count]:
            audio = base64.b64encode(packet).decode()
            assert running.ask(do="feed", session=opened["session"], seq=seq, audio=audio)["ok"]
            time.sleep(pace_seconds)
        return opened, running.kill()


@pytest.mark.parametrize("count", [3, 20, 47, 90, 125])
def test_every_acknowledged_packet_is_in_the_transcript_after_kill_9(
    tmp_path: Path, make_harness: MakeHarness, count: int
) -> None:
    opened, told = fed_and_killed(tmp_path, count, pace_seconds=0.005)
    harness = make_harness()
    known = [one["payload"] for one in told if "eid" in one["payload"]]
    last_eid = max((payload["eid"] for payload in known), default=0)
    resumed = harness.sessions.resume(
        opened["session"], opened["token"], last_eid=last_eid, connection="socket"
    )
    assert resumed.next_seq == count
    pieces = list(packets(SPEECH))
    for seq in range(resumed.next_seq, len(pieces)):
        assert harness.sessions.feed(opened["session"], seq, pieces[seq], connection="socket").ok
    assert harness.sessions.stop(opened["session"], len(pieces), connection="socket").ok
    assert harness.until("end")["text"] == TEXT
    events = [*known, *resumed.events, *harness.received()]
    assert [payload["eid"] for payload in events] == list(range(1, len(events) + 1))
    said = [word["w"] for payload in events if "utt" in payload for word in payload["words"]]
    assert "".join(said).strip() == TEXT


def test_a_session_not_resumed_after_a_crash_keeps_its_transcript(
    tmp_path: Path, make_harness: MakeHarness
) -> None:
    opened, _ = fed_and_killed(tmp_path, len(list(packets(SPEECH))), pace_seconds=0.0)
    harness = make_harness(resume_seconds=600)
    harness.skipped = 601
    assert harness.until("end")["text"] == TEXT
    assert opened["session"] in harness.saved
    assert harness.when(lambda: harness.retranscribed)[0].transcript.duration == pytest.approx(14.1)


def test_an_unfinished_packet_and_journal_line_are_cut_off(tmp_path: Path, make_harness: MakeHarness) -> None:
    opened, _ = fed_and_killed(tmp_path, 40, pace_seconds=0.0)
    folder = tmp_path / "live" / opened["session"]
    for name, rest in (("audio.wav", b"xyz"), ("packets", b"\x80\x0c"), ("journal", b'{"kind":"com')):
        with (folder / name).open("ab") as file:
            file.write(rest)
    harness = make_harness()
    resumed = harness.sessions.resume(opened["session"], opened["token"], last_eid=None, connection="socket")
    assert resumed.next_seq == 40
    assert (folder / "audio.wav").stat().st_size == 44 + 40 * 3200


def test_a_clean_stop_of_the_server_ends_no_session(make_harness: MakeHarness) -> None:
    first = make_harness()
    opened = first.open()
    next_seq = first.send(opened, spoken(1, 9))
    first.close()
    assert first.of("end") == []
    second = make_harness()
    second.sessions.resume(opened.session, opened.token, last_eid=0, connection="socket")
    next_seq = second.send(opened, spoken(9, 16), first=next_seq)
    end = second.stop(opened, next_seq)
    assert end["text"] == " ".join(f"w{number}" for number in range(1, 16))


def test_a_recording_that_was_not_handed_over_is_handed_over_after_restart(
    tmp_path: Path, make_harness: MakeHarness
) -> None:
    harness = make_harness()
    opened = harness.open()
    harness.stop(opened, harness.send(opened, spoken(1, 6)))
    harness.when(lambda: harness.retranscribed)
    harness.close()
    journal = tmp_path / "live" / opened.session / "journal"
    journal.write_text(journal.read_text().replace('{"kind":"handed"}\n', ""))
    again = make_harness()
    assert again.when(lambda: again.retranscribed)[0].info.id == opened.session
    assert again.of("end") == []
