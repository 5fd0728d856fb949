"""Models on disk: found, verified, imported, and what happens to damaged ones."""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from whisper_appliance.core.errors import Conflict, DiskFull, InvalidRequest, ModelUnavailable, NotFound
from whisper_appliance.models.catalog import resolve
from whisper_appliance.models.checksums import ChecksumCache, git_blob_id_of, sha256_of
from whisper_appliance.models.events import ModelEvent
from whisper_appliance.models.store import ModelStore

MakeModel = Callable[[Path], Path]


def linked(source: Path, folder: Path) -> Path:
    """A folder with links to the same files; a file that is then replaced leaves the source alone."""
    shutil.copytree(source, folder, copy_function=os.symlink)
    return folder


def replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def test_the_packaged_base_model_is_joined_once_and_verified(store: ModelStore) -> None:
    folder = store.locate("base")
    assert folder == store.model_dir / "base"
    pinned = {name: file.sha256 for name, file in resolve("base").files.items()}
    assert {name: sha256_of(folder / name) for name in pinned} == pinned
    joined = (folder / "model.bin").stat()
    assert store.locate("base") == folder
    assert (folder / "model.bin").stat().st_mtime_ns == joined.st_mtime_ns
    assert [path.name for path in store.model_dir.glob("*.part")] == []


def test_parallel_calls_join_the_parts_once(store: ModelStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(store.locate, ["tiny.en"] * 16)) == {store.model_dir / "tiny.en"}


def test_a_model_in_the_folder_takes_precedence_over_other_sources(store: ModelStore, tiny_en: Path) -> None:
    linked(tiny_en, store.model_dir / "tiny.en")
    found = store.find("tiny.en")
    assert found is not None
    assert found.source == "folder"
    assert store.locate("tiny.en") == store.model_dir / "tiny.en"


def test_a_model_that_is_added_later_is_found_without_a_restart(
    store: ModelStore, make_model: MakeModel
) -> None:
    assert store.locate("mine") is None
    make_model(store.model_dir / "mine")
    assert store.locate("mine") == store.model_dir / "mine"
    assert "mine" in [model.name for model in store.installed()]


def test_a_model_in_the_hubs_cache_is_used_in_place(tmp_path: Path, store: ModelStore, tiny_en: Path) -> None:
    repository = tmp_path / "hub" / "models--Systran--faster-whisper-tiny.en"
    snapshot = repository / "snapshots" / resolve("tiny.en").revision
    snapshot.mkdir(parents=True)
    blobs = repository / "blobs"
    blobs.mkdir()
    for file in tiny_en.iterdir():
        blob = blobs / (sha256_of(file) if file.name == "model.bin" else git_blob_id_of(file))
        shutil.copyfile(file, blob)
        (snapshot / file.name).symlink_to(blob)
    assert store.locate("tiny.en") == snapshot
    assert not (store.model_dir / "tiny.en").exists()
    with pytest.raises(Conflict, match="hub cache"):
        store.remove("tiny.en")


def test_a_damaged_model_is_renamed_and_the_next_source_is_used(
    store: ModelStore, events: list[ModelEvent], tiny_en: Path
) -> None:
    folder = linked(tiny_en, store.model_dir / "tiny.en")
    content = bytearray((folder / "config.json").read_bytes())
    content[10] ^= 1
    replace(folder / "config.json", bytes(content))
    assert store.locate("tiny.en") == folder, "joined anew from the package"
    assert [path.name[:16] for path in store.damaged_folders("tiny.en")] == ["tiny.en.damaged-"]
    assert [event.kind for event in events] == ["damaged"]
    assert "config.json does not have the checksum" in events[0].message
    assert store.file_problem("tiny.en") is None


def test_a_truncated_model_without_another_source_is_reported_and_not_used(
    store: ModelStore, make_model: MakeModel, events: list[ModelEvent]
) -> None:
    make_model(store.model_dir / "small")
    assert store.find("small") is None
    assert store.locate("small") is None
    assert "should have 2,370" in (store.file_problem("small") or "")
    assert len(store.damaged_folders("small")) == 1
    assert [event.model for event in events] == ["small"]
    with pytest.raises(ModelUnavailable, match="damaged"):
        store.verify("small")


def test_a_model_that_is_still_being_copied_is_left_alone(tmp_path: Path, make_model: MakeModel) -> None:
    store = ModelStore(tmp_path / "models", hub_cache=tmp_path / "hub", now=datetime.now)
    folder = make_model(store.model_dir / "small")
    assert store.locate("small") is None
    assert folder.is_dir()
    assert "still being copied" in (store.file_problem("small") or "")


def test_verify_finds_damage_although_the_modification_time_is_unchanged(
    store: ModelStore, tmp_path: Path
) -> None:
    (tmp_path / "usb").mkdir()
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
        (tmp_path / "usb" / name).write_text(name)
    folder = store.import_folder(tmp_path / "usb", "mine")
    stat = (folder / "model.bin").stat()
    (folder / "model.bin").write_text("MODEL.bin")
    os.utime(folder / "model.bin", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert store.locate("mine") == folder, "size and date are the same: it is not read again"
    with pytest.raises(ModelUnavailable, match=r"model\.bin does not have the checksum"):
        store.verify("mine")


def test_a_checksum_is_computed_once_and_again_when_the_file_changes(tmp_path: Path) -> None:
    computed: list[Path] = []

    def compute(path: Path) -> str:
        computed.append(path)
        return sha256_of(path)

    file = tmp_path / "model.bin"
    file.write_bytes(b"one")
    first = ChecksumCache(tmp_path / ".checked.json", compute).sha256(file)
    ledger = ChecksumCache(tmp_path / ".checked.json", compute)
    assert ledger.sha256(file) == first
    assert len(computed) == 1, "remembered across a restart"
    file.write_bytes(b"two!")
    assert ledger.sha256(file) != first
    assert len(computed) == 2


def test_a_folder_without_a_model_is_not_removed(store: ModelStore) -> None:
    other = store.model_dir / "backups"
    other.mkdir(parents=True)
    (other / "copy.zip").touch()
    with pytest.raises(NotFound):
        store.remove("backups")
    assert (other / "copy.zip").exists()


def test_an_imported_folder_is_a_model_of_that_name(
    store: ModelStore, make_model: MakeModel, tmp_path: Path
) -> None:
    folder = store.import_folder(make_model(tmp_path / "from" / "usb"), "mine")
    assert store.locate("mine") == folder
    assert store.sha256("mine") == sha256_of(folder / "model.bin")
    with pytest.raises(Conflict):
        store.import_folder(tmp_path / "from" / "usb", "mine")
    store.remove("mine")
    assert store.locate("mine") is None
    assert (tmp_path / "from" / "usb" / "model.bin").exists()


def test_a_folder_without_a_tokenizer_is_not_imported(
    store: ModelStore, make_model: MakeModel, tmp_path: Path
) -> None:
    folder = make_model(tmp_path / "usb")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InvalidRequest, match=r"tokenizer\.json is missing"):
        store.import_folder(folder, "mine")


def test_only_the_real_model_is_imported_under_a_catalog_name(
    store: ModelStore, make_model: MakeModel, tmp_path: Path, tiny_en: Path
) -> None:
    assert store.import_folder(tiny_en, "tiny.en") == store.model_dir / "tiny.en"
    fake = make_model(tmp_path / "fake")
    for name, file in resolve("small").files.items():
        with (fake / name).open("wb") as sparse:
            sparse.truncate(file.size_bytes)
    with pytest.raises(InvalidRequest, match="not the model small"):
        store.import_folder(fake, "small")
    assert not (store.model_dir / "small").exists()


@pytest.mark.parametrize(
    "name", ["..", "../base", "/etc", "a/b/c", "a\\b", "", ".hidden", "x.damaged-1", "a--b", "é"]
)
def test_a_name_that_is_a_path_is_refused(store: ModelStore, name: str) -> None:
    for use in (store.locate, store.remove, store.verify):
        with pytest.raises(InvalidRequest, match="cannot be the name"):
            use(name)


def test_removing_a_missing_model_is_not_found(store: ModelStore) -> None:
    with pytest.raises(NotFound):
        store.remove("small")


def test_a_full_disk_is_reported_before_anything_is_written(
    store: ModelStore, make_model: MakeModel, tmp_path: Path
) -> None:
    folder = make_model(tmp_path / "usb")
    with (folder / "model.bin").open("wb") as sparse:
        sparse.truncate(shutil.disk_usage(tmp_path).free)
    with pytest.raises(DiskFull, match="MB are needed"):
        store.import_folder(folder, "mine")


def test_a_read_only_model_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = ModelStore(tmp_path / "file" / "models", hub_cache=tmp_path / "hub")
    with pytest.raises(ModelUnavailable, match="cannot be written"):
        store.locate("tiny.en")
