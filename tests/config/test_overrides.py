"""Setting overrides: precedence, validation, restart."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from whisper_appliance.config.override_rows import OverrideRows
from whisper_appliance.config.overrides import (
    AT_ONCE,
    ENVIRONMENT_ONLY,
    SettingOverrides,
    effect,
    open_overrides,
    with_overrides,
)
from whisper_appliance.config.setting_rows import SettingRow, pending_restart, setting_rows
from whisper_appliance.config.settings import Settings, load, section_of
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound
from whisper_appliance.storage import migrations
from whisper_appliance.storage.database import Database


@pytest.fixture
def rows(tmp_path: Path, empty_sqlite: Path) -> Iterator[OverrideRows]:
    """The table of overrides, in a file; the test that names `database` holds it to both databases."""
    database = Database(f"sqlite:///{shutil.copy(empty_sqlite, tmp_path)}", busy_seconds=2)
    yield OverrideRows(database)
    database.close()


@pytest.fixture
def changes() -> list[Settings]:
    return []


@pytest.fixture
def overrides(rows: OverrideRows, changes: list[Settings]) -> SettingOverrides:
    return SettingOverrides(rows, load(queue_limit=7), on_change=changes.append)


def row_of(overrides: SettingOverrides, name: str) -> SettingRow:
    return next(row for row in setting_rows(overrides) if row.name == name)


def test_a_change_applies_at_once_and_is_announced(
    overrides: SettingOverrides, changes: list[Settings]
) -> None:
    overrides.set("MAX_UPLOAD_SIZE", "5MB", "Ada")
    assert overrides.settings.max_upload_size == 5 * 2**20
    assert [settings.max_upload_size for settings in changes] == [5 * 2**20]
    row = row_of(overrides, "MAX_UPLOAD_SIZE")
    assert (row.value, row.source, row.effect, row.changed_by) == ("5MB", "panel", "at once", "Ada")


def test_an_override_survives_a_restart(database: Database) -> None:
    overrides = SettingOverrides(OverrideRows(database), load())
    overrides.set("wait_seconds", "12.5", "Ada")
    overrides.set("keep_audio", "yes", "Ada")  # a switch in older versions
    again = SettingOverrides(OverrideRows(database), load())
    assert (again.settings.wait_seconds, again.settings.keep_audio) == (12.5, "everyone")
    again.reset("wait_seconds")
    assert again.settings.wait_seconds == 120
    assert again.source("wait_seconds") == "default"
    assert SettingOverrides(OverrideRows(database), load()).settings.wait_seconds == 120


def test_a_setting_that_needs_a_restart_waits_for_it(
    overrides: SettingOverrides, rows: OverrideRows, changes: list[Settings]
) -> None:
    overrides.set("max_websockets", "50", "Ada")
    assert overrides.settings.max_websockets == 100
    assert changes == []
    assert pending_restart(overrides) == ("MAX_WEBSOCKETS",)
    assert row_of(overrides, "MAX_WEBSOCKETS").waiting == "50"
    again = SettingOverrides(rows, load())
    assert again.settings.max_websockets == 50
    assert pending_restart(again) == ()


def test_the_environment_takes_precedence_over_an_override(
    rows: OverrideRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    SettingOverrides(rows, load()).set("trash_days", "3", "Ada")
    monkeypatch.setenv("TRASH_DAYS", "9")
    given = SettingOverrides(rows, load())
    assert given.settings.trash_days == 9
    row = row_of(given, "TRASH_DAYS")
    assert (row.source, row.changeable, row.changed_by) == ("environment", False, None)
    with pytest.raises(Conflict, match="set in the environment"):
        given.set("trash_days", "4", "Ada")
    with pytest.raises(Conflict):
        given.reset("trash_days")
    monkeypatch.setenv("TRASH_DAYS", "")
    assert SettingOverrides(rows, load()).settings.trash_days == 3


def test_a_command_line_option_takes_precedence_over_an_override(overrides: SettingOverrides) -> None:
    assert overrides.source("queue_limit") == "command line"
    with pytest.raises(Conflict, match="on the command line"):
        overrides.set("queue_limit", "8", "Ada")


FOLDERS = ["model_dir", "diarization_model", "translation_models", "watch_folder", "output_folder"]


@pytest.mark.parametrize("name", ["data_dir", "https_port", "database_url", "metrics_token", *FOLDERS])
def test_paths_and_secrets_stay_in_the_environment(overrides: SettingOverrides, name: str) -> None:
    with pytest.raises(Conflict, match="where the appliance is started"):
        overrides.set(name, "1", "Ada")
    assert not row_of(overrides, name.upper()).changeable


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("model_cache_size", "0", "Write 1 or more."),
        ("model_cache_size", "some", "Write a whole number such as 30."),
        ("max_upload_size", "12 apples", "Write a size such as 500MB."),
        ("max_upload_size", "big", "Write a size such as 500MB."),
        ("max_upload_size", "9GB", "Write 2GB or less."),
        ("log_level", "LOUD", "Choose one of these: DEBUG, INFO"),
        ("wait_seconds", "soon", "Write a number such as 1.5."),
        ("update_check", "perhaps", "Write true or false."),
        ("keep_audio", "me", "Choose one of these: accounts, everyone, nobody."),
        ("model_aliases", "small", "MODEL_ALIASES: 'small' is no alias"),
        ("model_by_language", "de", "write each as de:small"),
        ("model_by_language", "de:base.en", "English only"),
    ],
)
def test_a_refused_value_is_answered_with_what_to_write(
    overrides: SettingOverrides, name: str, text: str, reason: str
) -> None:
    before = overrides.settings
    with pytest.raises(InvalidRequest, match=reason) as caught:
        overrides.set(name, text, "Ada")
    assert caught.value.field == "value"
    assert overrides.settings == before
    assert overrides.stored == {}


def test_an_empty_value_resets_to_the_default_and_an_unknown_name_is_not_found(
    overrides: SettingOverrides,
) -> None:
    overrides.set("trash_days", "3", "Ada")
    overrides.set("trash_days", " ", "Ada")
    assert overrides.settings.trash_days == 30
    with pytest.raises(NotFound):
        overrides.set("no_such_setting", "1", "Ada")


def test_the_check_of_another_part_is_called(rows: OverrideRows) -> None:
    def check(wanted: Settings) -> None:
        raise InvalidRequest(f"No model {wanted.whisper_model}.")

    overrides = SettingOverrides(rows, load(), checks={"whisper_model": check})
    with pytest.raises(InvalidRequest, match="No model nobody"):
        overrides.set("whisper_model", "nobody", "Ada")
    assert overrides.settings.whisper_model == "base"


def test_a_stored_value_that_is_no_longer_valid_is_left_out(rows: OverrideRows) -> None:
    for name, text in (("trash_days", "many"), ("from_a_later_version", "1"), ("queue_limit", "5")):
        rows.put(name, text, "Ada")
    overrides = SettingOverrides(rows, load())
    assert (overrides.settings.trash_days, overrides.settings.queue_limit) == (30, 5)
    overrides.set("queue_limit_per_user", "4", "Ada")
    assert overrides.settings.queue_limit_per_user == 4


def test_a_folder_that_an_older_version_let_the_panel_set_is_named_and_not_used(
    rows: OverrideRows, tmp_path: Path
) -> None:
    rows.put("watch_folder", str(tmp_path), "Ada")
    rows.put("webhook_private_addresses", "true", "Ada")
    overrides = SettingOverrides(rows, load())
    assert overrides.settings.watch_folder is None
    assert not overrides.settings.webhook_private_addresses
    assert overrides.not_applied == ("WATCH_FOLDER", "WEBHOOK_PRIVATE_ADDRESSES")
    assert row_of(overrides, "WATCH_FOLDER").source == "default"
    given = SettingOverrides(rows, load(watch_folder=tmp_path))
    assert given.not_applied == ("WEBHOOK_PRIVATE_ADDRESSES",)
    given.remove("webhook_private_addresses")
    assert not given.not_applied
    rows.put("webhook_private_addresses", "false", "Ada")
    assert not SettingOverrides(rows, load(watch_folder=tmp_path)).not_applied, "it is so without it"


def test_a_command_beside_the_appliance_reads_the_overrides(tmp_path: Path) -> None:
    given = load(data_dir=tmp_path)
    assert with_overrides(given) == given
    assert list(tmp_path.iterdir()) == []
    database = Database.in_folder(tmp_path)
    migrations.upgrade(database)
    SettingOverrides(OverrideRows(database), given).set("whisper_model", "small", "Ada")
    database.close()
    assert with_overrides(given).whisper_model == "small"
    with open_overrides(given) as overrides:
        overrides.remove("WHISPER_MODEL")
    assert with_overrides(given).whisper_model == "base"


def test_settings_without_overrides_are_used_if_the_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "appliance.sqlite").write_bytes(b"no database at all" * 100)
    given = load(data_dir=tmp_path)
    assert with_overrides(given) == given


def test_every_name_exists_and_every_setting_has_a_row() -> None:
    assert set(Settings.model_fields) >= AT_ONCE | ENVIRONMENT_ONLY
    assert not AT_ONCE & ENVIRONMENT_ONLY
    assert {effect(name) for name in Settings.model_fields} == {
        "at once", "after a restart", "environment only"
    }  # fmt: skip


def test_setting_rows_have_the_format_of_their_value(overrides: SettingOverrides) -> None:
    kinds = {row.name: row.kind for row in setting_rows(overrides)}
    assert kinds["UPDATE_CHECK"] == "switch"
    assert kinds["LOG_LEVEL"] == "choice"
    assert kinds["MAX_UPLOAD_SIZE"] == "size"
    assert kinds["CERTIFICATE_NAMES"] == "list"
    assert (kinds["QUEUE_LIMIT"], kinds["WAIT_SECONDS"]) == ("whole number", "number")
    row = row_of(overrides, "MODEL_CACHE_SIZE")
    assert (row.least, row.most, row.section) == (1, 16, "Models and engine")


def test_secrets_are_masked(rows: OverrideRows) -> None:
    overrides = SettingOverrides(rows, load(metrics_token="hidden words"))
    assert all("hidden" not in str(row) for row in setting_rows(overrides))


def test_sections_stand_in_the_order_of_the_table() -> None:
    titles = list(dict.fromkeys(section_of(name) for name in Settings.model_fields))
    assert titles == [
        "Network", "Folders and database", "Models and engine", "Limits", "Accounts", "Programs",
        "Watch folder", "Operation",
    ]  # fmt: skip
