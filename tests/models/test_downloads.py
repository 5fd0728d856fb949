"""Downloads from a hub on loopback: complete, interrupted, cancelled, corrupted."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub import HubStandIn, hub_stand_in
from tests.support.log_lines import written_log
from tests.support.wait import wait_until
from whisper_appliance.core.errors import InvalidRequest, NotAllowed, NotFound
from whisper_appliance.models.catalog import resolve
from whisper_appliance.models.checksums import read_json, sha256_of
from whisper_appliance.models.download_task import DownloadState
from whisper_appliance.models.downloads import Downloads
from whisper_appliance.models.events import ModelEvent
from whisper_appliance.models.hub import Hub
from whisper_appliance.models.store import ModelStore

NAME = "acme/whisper-acme"
WEIGHTS_BYTES = 3_000_000


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubStandIn]:
    """A hub with one repository: the files of a model, and some that no engine needs."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "vocabulary.txt", "README.md", "pytorch_model.pkl"):
        (folder / name).write_text(f"{name} of acme")
    (folder / "vocabulary.d").mkdir()
    (folder / "vocabulary.d" / "config.json").write_text("a file of a subfolder, which no model has")
    (folder / "model.bin").write_bytes(bytes(range(256)) * (WEIGHTS_BYTES // 256))
    with hub_stand_in(folder, NAME) as stand_in:
        yield stand_in


@pytest.fixture
def downloads(store: ModelStore, hub: HubStandIn, events: list[ModelEvent]) -> Iterator[Downloads]:
    """Downloads from that hub."""
    downloads = Downloads(store, events.append, hub=Hub(hub.address, pause_seconds=0.01))
    yield downloads
    downloads.close()


def partial(store: ModelStore) -> Path:
    return store.download_folder(NAME) / "model.bin.part"


def loaded(downloads: Downloads, at_least: int) -> DownloadState | None:
    """The state of the download once it has so many bytes."""
    state = downloads.status(NAME)
    return state if state and state.done_bytes >= at_least else None


def test_the_log_warns_of_a_model_whose_checksum_comes_from_the_hub_only(downloads: Downloads) -> None:
    with written_log() as log:
        downloads.start(NAME)
        downloads.wait(NAME, 30)
    (line,) = [line for line in map(json.loads, log.getvalue().splitlines()) if line["level"] == "warning"]
    assert (line["model"], "checksum" in line["event"]) == (NAME, True)
    assert resolve("base").is_pinned
    assert not resolve("large-v1").is_pinned


def test_a_downloaded_model_is_verified_and_adopted(
    downloads: Downloads, store: ModelStore, hub: HubStandIn, events: list[ModelEvent]
) -> None:
    arrived: list[str] = []
    downloads.start(NAME, on_done=arrived.append)
    done = downloads.wait(NAME, 30)
    assert done is not None
    assert (done.state, done.progress, done.error) == ("done", 1.0, None)
    assert arrived == [NAME]
    folder = store.locate(NAME)
    assert folder is not None
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json", "model.bin", "tokenizer.json", "verified.json", "vocabulary.txt",
    ]  # fmt: skip
    record = read_json(folder / "verified.json")
    assert record["revision"] == hub.revision
    assert record["files"]["model.bin"] == sha256_of(hub.folder / "model.bin")
    assert not store.download_folder(NAME).exists()
    assert [event.kind for event in events] == ["download"] * len(events)
    assert events[-1].message == f"The model {NAME} was downloaded."


def test_a_catalog_model_is_verified_by_its_checksums(tmp_path: Path, tiny_en: Path) -> None:
    model = resolve("tiny.en")
    store = ModelStore(tmp_path / "models", hub_cache=tmp_path / "hub", packaged=lambda name: None)
    with hub_stand_in(tiny_en, model.repository, model.revision) as hub:
        downloads = Downloads(store, hub=Hub(hub.address))
        hub.other_checksum = True
        downloads.start("tiny.en")
        refused = downloads.wait("tiny.en", 30)
        assert refused is not None
        assert (refused.state, "another model.bin" in (refused.error or "")) == ("failed", True)
        assert hub.ranges == [], "not a byte was fetched"
        hub.other_checksum = False
        downloads.start("tiny.en")
        done = downloads.wait("tiny.en", 60)
        assert done is not None
        assert done.state == "done"
    assert store.locate("tiny.en") == store.model_dir / "tiny.en"


def test_a_broken_download_is_resumed_where_it_stopped(
    downloads: Downloads, store: ModelStore, hub: HubStandIn
) -> None:
    hub.close_after_bytes, hub.closes_left = 640 * 1024, 3
    downloads.start(NAME)
    done = downloads.wait(NAME, 30)
    assert done is not None
    assert done.state == "done"
    assert done.done_bytes == done.total_bytes
    starts = [start for name, start in hub.ranges if name == "model.bin"]
    assert len(starts) == 4
    assert starts == sorted(set(starts)), "each went on behind the one before"


def test_a_download_fails_after_its_retries_and_keeps_the_partial_file(
    downloads: Downloads, store: ModelStore, hub: HubStandIn
) -> None:
    hub.close_after_bytes, hub.closes_left = 0, 1000
    downloads.start(NAME)
    failed = downloads.wait(NAME, 30)
    assert failed is not None
    assert failed.state == "failed"
    assert "cannot be reached" in (failed.error or "")
    assert store.locate(NAME) is None


def test_a_cancelled_download_stops_and_is_resumed_later(
    downloads: Downloads, store: ModelStore, hub: HubStandIn
) -> None:
    hub.let_go.clear()
    downloads.start(NAME)
    assert hub.reached_half.wait(60)
    running = wait_until(lambda: loaded(downloads, WEIGHTS_BYTES // 4))
    assert running.active
    threading.Timer(0.2, hub.let_go.set).start()
    assert downloads.cancel(NAME).state == "cancelled"
    assert store.locate(NAME) is None, "a half file is never a model"
    kept = partial(store).stat().st_size
    assert 0 < kept < WEIGHTS_BYTES
    hub.ranges.clear()
    downloads.start(NAME)
    done = downloads.wait(NAME, 30)
    assert done is not None
    assert done.state == "done"
    assert ("model.bin", kept) in hub.ranges
    assert "config.json" not in [name for name, _ in hub.ranges], "what is whole is not fetched again"


def test_wrong_bytes_are_set_aside_and_not_used(
    downloads: Downloads, store: ModelStore, hub: HubStandIn
) -> None:
    hub.wrong_bytes = True
    downloads.start(NAME)
    failed = downloads.wait(NAME, 30)
    assert failed is not None
    assert failed.state == "failed"
    assert "checksum" in (failed.error or "")
    assert store.locate(NAME) is None
    assert (store.download_folder(NAME) / "model.bin.wrong").exists()
    hub.wrong_bytes = False
    downloads.start(NAME)
    done = downloads.wait(NAME, 30)
    assert done is not None
    assert done.state == "done"
    assert not list((store.folder(NAME)).glob("*.wrong"))


def test_a_hub_that_ignores_ranges_starts_over(
    downloads: Downloads, store: ModelStore, hub: HubStandIn
) -> None:
    store.download_folder(NAME).mkdir(parents=True)
    partial(store).write_bytes(b"x" * 1000)
    hub.ignores_ranges = True
    downloads.start(NAME)
    done = downloads.wait(NAME, 30)
    assert done is not None
    assert done.state == "done"
    assert done.done_bytes == done.total_bytes


def test_a_model_that_is_not_on_the_hub_is_reported(downloads: Downloads) -> None:
    downloads.start("acme/nothing-here")
    failed = downloads.wait("acme/nothing-here", 30)
    assert failed is not None
    assert "is not on the hub" in (failed.error or "")


def test_no_connection_at_all_is_reported(store: ModelStore) -> None:
    downloads = Downloads(store, hub=Hub("http://127.0.0.1:9", pause_seconds=0.01))
    downloads.start(NAME)
    failed = downloads.wait(NAME, 30)
    assert failed is not None
    assert "connected to the internet" in (failed.error or "")


def test_downloads_that_are_switched_off_are_refused(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "models", downloads_allowed=False, hub_cache=tmp_path / "hub")
    with pytest.raises(NotAllowed, match="MODEL_DOWNLOADS=false"):
        Downloads(store).start("small")


def test_an_installed_model_is_not_downloaded(downloads: Downloads, hub: HubStandIn) -> None:
    assert downloads.start("tiny.en").state == "done"
    assert hub.ranges == []


def test_two_starts_make_one_download(downloads: Downloads, hub: HubStandIn) -> None:
    hub.let_go.clear()
    downloads.start(NAME)
    downloads.start(NAME)
    hub.let_go.set()
    downloads.wait(NAME, 30)
    assert [name for name, _ in hub.ranges].count("model.bin") == 1


@pytest.mark.parametrize(
    ("name", "error"), [("no-such-model", NotFound), ("a/b/c", NotFound), ("../x", NotFound)]
)
def test_unknown_names_are_not_found(
    downloads: Downloads, name: str, error: type[NotFound | InvalidRequest]
) -> None:
    with pytest.raises(error):
        downloads.start(name)


def test_progress_has_a_rate_and_an_end(store: ModelStore, hub: HubStandIn) -> None:
    ticks = iter(range(1_000_000))
    downloads = Downloads(store, hub=Hub(hub.address), clock=lambda: next(ticks) * 0.1)
    hub.let_go.clear()
    downloads.start(NAME)
    assert hub.reached_half.wait(60)
    half = wait_until(lambda: loaded(downloads, WEIGHTS_BYTES // 3))
    assert half.progress == pytest.approx(0.5, abs=0.2)
    assert (half.bytes_per_second or 0) > 0
    assert (half.eta_seconds or 0) > 0
    hub.let_go.set()
    downloads.close()
