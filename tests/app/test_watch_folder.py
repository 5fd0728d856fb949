"""The watch folder, with real files: each ends as done or failed, once, also after a restart."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.application import StartAppliance
from tests.support.client import PASSWORD
from tests.support.jobs import Script
from tests.support.wait import wait_until
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.watch_folder import outcome
from whisper_appliance.app.watch_folder.candidates import Candidates
from whisper_appliance.config import settings
from whisper_appliance.config.override_rows import OverrideRows
from whisper_appliance.config.types import EXPORT_FORMATS
from whisper_appliance.core.errors import BadSetting, Undecodable
from whisper_appliance.transcript.formats import FORMATS

pytestmark = pytest.mark.slow  # waits until files have not changed for a while

ODD_NAME = b'caf\xe9 "x" <b>\n\'.wav'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


@pytest.fixture
def watching(start_appliance: StartAppliance, folder: Path) -> Appliance:
    return start_appliance(watch_folder=folder, watch_settle_seconds=0.1, watch_formats="txt,srt,json")


def put(path: Path, words: str = "hello there") -> Path:
    """A recording as the scripted speech takes it, moved into its place whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(".part")
    part.write_text(words)
    return part.rename(path)


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_recording_is_transcribed_and_its_results_stand_beside_it(
    watching: Appliance, folder: Path
) -> None:
    put(folder / "monday" / "talk.wav")
    put(folder / "monday" / "talk.mp3", "another one")
    done = folder / "done" / "monday"
    results = {"talk.txt", "talk.srt", "talk.json"}
    # the recordings are moved last
    wait_until(lambda: not names(folder / "monday"), reason=lambda: names(folder))
    assert names(done) >= {"talk.wav", "talk.mp3", *results}
    assert len(names(folder)) == 2 * (1 + len(results))
    texts = {path.read_text().strip() for path in done.glob("*.txt")}
    assert texts == {"hello there", "another one"}
    assert json.loads((done / "talk.json").read_text())["segments"]


def test_nothing_is_taken_while_the_panels_choice_of_a_user_does_not_count(
    start_appliance: StartAppliance, folder: Path
) -> None:
    """Its recordings would belong to nobody."""
    appliance = start_appliance()
    OverrideRows(appliance.database).put("watch_user", "Ada", "Ada")
    appliance.close()
    again = start_appliance(data_dir=appliance.settings.data_dir, watch_folder=folder)
    assert not again.watch_folder._thread.is_alive()
    again.overrides.remove("watch_user")
    again.close()
    assert start_appliance(
        data_dir=appliance.settings.data_dir, watch_folder=folder
    ).watch_folder._thread.is_alive()


def test_what_fails_is_moved_with_the_reason(watching: Appliance, folder: Path, script: Script) -> None:
    def fail(_word: str) -> None:
        raise Undecodable("This is no recording.")

    script.before_window = fail
    put(folder / "bad.wav")
    wait_until(lambda: "failed/bad.wav.error.txt" in names(folder) and "failed/bad.wav" in names(folder))
    assert (folder / "failed" / "bad.wav.error.txt").read_text().strip()


def test_a_half_file_waits_until_it_is_whole(folder: Path) -> None:
    candidates = Candidates(folder, None, settle_seconds=3)
    half = folder / "half.wav"
    half.write_bytes(b"1")
    candidates.note(half, now=0)
    half.write_bytes(b"12")
    assert candidates.take(now=10) is None
    assert candidates.seconds_to_next(now=10) == 3
    assert candidates.take(now=12) is None
    assert candidates.take(now=13) == half
    assert candidates.take(now=20) is None


def test_links_hidden_files_and_results_are_no_recordings(folder: Path, tmp_path: Path) -> None:
    candidates = Candidates(folder, folder / "out", settle_seconds=0)
    secret = put(tmp_path / "secret.wav")
    (folder / "link.wav").symlink_to(secret)
    (folder / "elsewhere").symlink_to(tmp_path)
    for name in (".hidden.wav", "done/a.wav", "failed/a.wav", "out/a.wav", "notes.txt", ".trash/a.wav"):
        put(folder / name)
    os.mkfifo(folder / "pipe.wav")
    wanted = put(folder / "deep" / "done" / "a.wav")
    for path in candidates.find_all():
        candidates.note(path, now=0)
    assert candidates.take(now=1) == wanted
    assert candidates.take(now=1) is None


def test_a_name_that_is_no_text_is_taken(watching: Appliance, folder: Path) -> None:
    put(Path(os.fsdecode(os.fsencode(folder) + b"/" + ODD_NAME)))
    done = os.fsencode(folder / "done")
    wait_until(lambda: os.path.exists(done + b"/" + ODD_NAME))
    assert os.path.exists(done + b"/" + ODD_NAME.replace(b".wav", b".txt"))


def test_a_folder_of_many_files_is_taken_whole_and_fills_no_queue(
    watching: Appliance, folder: Path, tmp_path: Path
) -> None:
    many = tmp_path / "many"
    for number in range(12):
        put(many / f"{number:02}.wav", f"word{number}")
    many.rename(folder / "many")
    most = [0]

    def all_done() -> bool:
        most[0] = max(most[0], sum(watching.queue.counts().values()))
        return len(list((folder / "done" / "many").glob("*.txt"))) == 12

    wait_until(all_done)
    assert most[0] <= 2
    wait_until(lambda: not list((folder / "many").iterdir()))


def test_a_file_is_not_transcribed_twice_after_a_restart(
    start_appliance: StartAppliance, folder: Path, tmp_path: Path, script: Script
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    given = {"data_dir": data, "watch_folder": folder, "watch_settle_seconds": 0.1}
    begun, go_on = threading.Event(), threading.Event()

    def hold(_word: str) -> None:
        begun.set()
        go_on.wait(60)

    script.before_window = hold
    first = start_appliance(**given)
    put(folder / "talk.wav", "one two three")
    assert begun.wait(60)
    (job_id,) = wait_until(lambda: first.watch_folder.job_ids)  # it may begin before the folder has its id
    go_on.set()
    second = start_appliance(**given)
    wait_until(lambda: (folder / "done" / "talk.wav").exists())
    assert second.queue.get(job_id).status == "done"
    assert sum(1 for _ in (folder / "done").iterdir()) == 3


def test_results_go_to_the_output_folder_of_a_user(
    start_appliance: StartAppliance, folder: Path, tmp_path: Path
) -> None:
    appliance = start_appliance(
        watch_folder=folder, output_folder=tmp_path / "out", watch_user="Ada", watch_settle_seconds=0.1
    )
    user = appliance.accounts.users.create("Ada", PASSWORD, "member", by=SHELL)
    put(folder / "a" / "talk.wav")
    wait_until(lambda: names(tmp_path / "out") == {"a/talk.txt", "a/talk.srt"})
    wait_until(lambda: (folder / "done" / "a" / "talk.wav").exists())
    (made,) = appliance.transcripts.page(user.id).summaries
    assert (made.title, made.source) == ("talk", "watch")


@pytest.fixture
def forbidden(folder: Path) -> Iterator[Path]:
    folder.chmod(0o500)
    yield folder
    folder.chmod(0o700)


def test_a_folder_that_is_missing_stops_the_start(start_appliance: StartAppliance, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="WATCH_FOLDER"):
        start_appliance(watch_folder=tmp_path / "nowhere")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_stops_the_start(
    start_appliance: StartAppliance, forbidden: Path
) -> None:
    with pytest.raises(BadSetting, match="WATCH_FOLDER"):
        start_appliance(watch_folder=forbidden)


def test_a_second_file_of_a_name_takes_nothing_away(folder: Path) -> None:
    for words in ("first", "second"):
        outcome.finish(put(folder / "talk.wav", words), folder, None, {".txt": words.encode()})
    assert names(folder / "done") == {"talk.wav", "talk.txt", "talk (2).wav", "talk (2).txt"}
    assert (folder / "done" / "talk (2).txt").read_text() == "second"


def test_unknown_formats_are_refused() -> None:
    with pytest.raises(BadSetting, match="WATCH_FORMATS"):
        settings.load(watch_formats="txt,odt")


def test_the_formats_of_the_settings_are_those_of_exports() -> None:
    assert tuple(sorted(FORMATS)) == tuple(sorted(EXPORT_FORMATS))


def test_the_folder_of_done_recordings_may_be_another_disk(folder: Path, second_disk: Path) -> None:
    (folder / "done").symlink_to(second_disk)
    recording = put(folder / "talk.wav")
    moved = outcome.finish(recording, folder, None, {".txt": b"hello there"})
    assert (moved.read_text(), moved.with_suffix(".txt").read_text()) == ("hello there", "hello there")
    assert names(second_disk) == {"talk.wav", "talk.txt"}
    assert names(folder) - {"done"} == set()
