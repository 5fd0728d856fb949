"""Settings that are changed in the panel: below the environment, kept, checked by the setting's own rule."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import ready
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
def kept(tmp_path: Path) -> Iterator[OverrideRows]:
    """The table of adjustments, in a file; the test that names `database` holds it to both databases."""
    with ready(f"sqlite:///{tmp_path / 'appliance.sqlite'}") as database:
        yield OverrideRows(database)


@pytest.fixture
def heard() -> list[Settings]:
    return []


@pytest.fixture
def adjustments(kept: OverrideRows, heard: list[Settings]) -> SettingOverrides:
    return SettingOverrides(kept, load(queue_limit=7), on_change=heard.append)


def row_of(adjustments: SettingOverrides, name: str) -> SettingRow:
    return next(row for row in setting_rows(adjustments) if row.name == name)


def test_a_change_applies_at_once_and_is_announced(
    adjustments: SettingOverrides, heard: list[Settings]
) -> None:
    adjustments.set("MAX_UPLOAD_SIZE", "5MB", "Ada")
    assert adjustments.settings.max_upload_size == 5 * 2**20
    assert [settings.max_upload_size for settings in heard] == [5 * 2**20]
    row = row_of(adjustments, "MAX_UPLOAD_SIZE")
    assert (row.value, row.source, row.effect, row.changed_by) == ("5.0MiB", "panel", "at once", "Ada")


def test_a_change_survives_a_restart(database: Database) -> None:
    adjustments = SettingOverrides(OverrideRows(database), load())
    adjustments.set("wait_seconds", "12.5", "Ada")
    adjustments.set("keep_audio", "yes", "Ada")
    again = SettingOverrides(OverrideRows(database), load())
    assert (again.settings.wait_seconds, again.settings.keep_audio) == (12.5, True)
    again.reset("wait_seconds")
    assert again.settings.wait_seconds == 120
    assert again.source("wait_seconds") == "default"
    assert SettingOverrides(OverrideRows(database), load()).settings.wait_seconds == 120


def test_what_needs_a_restart_waits_for_it(
    adjustments: SettingOverrides, kept: OverrideRows, heard: list[Settings]
) -> None:
    adjustments.set("max_websockets", "50", "Ada")
    assert adjustments.settings.max_websockets == 100
    assert heard == []
    assert pending_restart(adjustments) == ("MAX_WEBSOCKETS",)
    assert row_of(adjustments, "MAX_WEBSOCKETS").waiting == "50"
    again = SettingOverrides(kept, load())
    assert again.settings.max_websockets == 50
    assert pending_restart(again) == ()


def test_what_is_given_at_the_start_goes_before(kept: OverrideRows, monkeypatch: pytest.MonkeyPatch) -> None:
    SettingOverrides(kept, load()).set("trash_days", "3", "Ada")
    monkeypatch.setenv("TRASH_DAYS", "9")
    given = SettingOverrides(kept, load())
    assert given.settings.trash_days == 9
    row = row_of(given, "TRASH_DAYS")
    assert (row.source, row.changeable, row.changed_by) == ("environment", False, None)
    with pytest.raises(Conflict, match="set in the environment"):
        given.set("trash_days", "4", "Ada")
    with pytest.raises(Conflict):
        given.reset("trash_days")
    monkeypatch.setenv("TRASH_DAYS", "")
    assert SettingOverrides(kept, load()).settings.trash_days == 3


def test_an_option_of_the_command_line_goes_before_too(adjustments: SettingOverrides) -> None:
    assert adjustments.source("queue_limit") == "command line"
    with pytest.raises(Conflict, match="on the command line"):
        adjustments.set("queue_limit", "8", "Ada")


@pytest.mark.parametrize("name", ["data_dir", "https_port", "database_url", "metrics_token"])
def test_paths_and_secrets_stay_in_the_environment(adjustments: SettingOverrides, name: str) -> None:
    with pytest.raises(Conflict, match="where the appliance is started"):
        adjustments.set(name, "1", "Ada")
    assert not row_of(adjustments, name.upper()).changeable


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("model_cache_size", "0", "greater than or equal to 1"),
        ("max_upload_size", "12 apples", "byte unit"),
        ("log_level", "LOUD", "'DEBUG', 'INFO'"),
        ("wait_seconds", "soon", "valid number"),
        ("keep_audio", "perhaps", "valid boolean"),
    ],
)
def test_a_value_is_checked_by_the_settings_own_rule(
    adjustments: SettingOverrides, name: str, text: str, reason: str
) -> None:
    before = adjustments.settings
    with pytest.raises(InvalidRequest, match=reason) as caught:
        adjustments.set(name, text, "Ada")
    assert caught.value.message.startswith(f"{name.upper()}: ")
    assert adjustments.settings == before
    assert adjustments.stored == {}


def test_an_empty_value_is_the_default_and_an_unknown_name_is_none(adjustments: SettingOverrides) -> None:
    adjustments.set("trash_days", "3", "Ada")
    adjustments.set("trash_days", " ", "Ada")
    assert adjustments.settings.trash_days == 30
    with pytest.raises(NotFound):
        adjustments.set("no_such_setting", "1", "Ada")


def test_the_check_of_another_part_is_called(kept: OverrideRows) -> None:
    def check(wanted: Settings) -> None:
        raise InvalidRequest(f"No model {wanted.whisper_model}.")

    adjustments = SettingOverrides(kept, load(), checks={"whisper_model": check})
    with pytest.raises(InvalidRequest, match="No model nobody"):
        adjustments.set("whisper_model", "nobody", "Ada")
    assert adjustments.settings.whisper_model == "base"


def test_a_kept_value_that_cannot_be_used_any_more_is_left_out(kept: OverrideRows) -> None:
    for name, text in (("trash_days", "many"), ("from_a_later_version", "1"), ("queue_limit", "5")):
        kept.put(name, text, "Ada")
    adjustments = SettingOverrides(kept, load())
    assert (adjustments.settings.trash_days, adjustments.settings.queue_limit) == (30, 5)
    adjustments.set("queue_limit_per_user", "4", "Ada")
    assert adjustments.settings.queue_limit_per_user == 4


def test_a_program_beside_the_appliance_reads_them(tmp_path: Path) -> None:
    given = load(data_dir=tmp_path)
    assert with_overrides(given) == given
    assert list(tmp_path.iterdir()) == []
    database = Database.in_folder(tmp_path)
    migrations.upgrade(database)
    SettingOverrides(OverrideRows(database), given).set("whisper_model", "small", "Ada")
    database.close()
    assert with_overrides(given).whisper_model == "small"
    with open_overrides(given) as adjustments:
        adjustments.remove("WHISPER_MODEL")
    assert with_overrides(given).whisper_model == "base"


def test_settings_without_overrides_are_used_if_the_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "appliance.sqlite").write_bytes(b"no database at all" * 100)
    given = load(data_dir=tmp_path)
    assert with_overrides(given) == given


def test_every_name_exists_and_every_setting_has_a_row() -> None:
    assert AT_ONCE | ENVIRONMENT_ONLY <= set(Settings.model_fields)
    assert not AT_ONCE & ENVIRONMENT_ONLY
    assert {effect(name) for name in Settings.model_fields} == {
        "at once", "after a restart", "environment only"
    }  # fmt: skip


def test_setting_rows_have_the_format_of_their_value(adjustments: SettingOverrides) -> None:
    kinds = {row.name: row.kind for row in setting_rows(adjustments)}
    assert kinds["KEEP_AUDIO"] == "switch"
    assert kinds["LOG_LEVEL"] == "choice"
    assert kinds["MAX_UPLOAD_SIZE"] == "size"
    assert kinds["CERTIFICATE_NAMES"] == "list"
    assert (kinds["QUEUE_LIMIT"], kinds["WAIT_SECONDS"]) == ("whole number", "number")
    row = row_of(adjustments, "MODEL_CACHE_SIZE")
    assert (row.least, row.most, row.section) == (1, 16, "Models and engine")


def test_secrets_are_masked(kept: OverrideRows) -> None:
    adjustments = SettingOverrides(kept, load(metrics_token="hidden words"))
    assert all("hidden" not in str(row) for row in setting_rows(adjustments))


def test_sections_stand_in_the_order_of_the_table() -> None:
    titles = list(dict.fromkeys(section_of(name) for name in Settings.model_fields))
    assert titles == [
        "Network", "Folders and database", "Models and engine", "Limits", "Accounts", "Operation"
    ]  # fmt: skip
