"""Settings as the admin panel and the command line list them: value, default, source, help, effect."""

from dataclasses import dataclass
from typing import Literal, get_args, get_origin

from pydantic import ByteSize

from whisper_appliance.config.overrides import (
    SettingEffect,
    SettingOverrides,
    SettingSource,
    effect,
    is_secret,
)
from whisper_appliance.config.plain_settings import COMMON, SEARCH_WORDS, PlainSetting
from whisper_appliance.config.settings import Settings, section_of, settings_table

SettingKind = Literal["switch", "choice", "whole number", "number", "size", "list", "text"]

_NOT_COMMON = PlainSetting("", "")


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting. `waiting` is the value after the next restart, if it differs from the current one.

    `plain_name` and `plain_help` are empty for settings that are not on the first page; `search_words` are
    further words by which people find it.
    """

    name: str
    section: str
    value: str
    default: str
    source: SettingSource
    help: str
    kind: SettingKind
    choices: tuple[str, ...]
    least: float | None
    most: float | None
    effect: SettingEffect
    changeable: bool
    waiting: str | None
    changed: str | None
    changed_by: str | None
    plain_name: str
    plain_help: str
    search_words: str


def setting_rows(overrides: SettingOverrides) -> tuple[SettingRow, ...]:
    """All settings, in the order of `Settings`."""
    now, later = settings_table(overrides.settings), settings_table(overrides.settings_after_restart())
    rows = []
    for name, row, then in zip(Settings.model_fields, now, later, strict=True):
        override = overrides.stored.get(name)
        source = overrides.source(name)
        plain = COMMON.get(name, _NOT_COMMON)
        rows.append(
            SettingRow(
                name=row["name"],
                section=section_of(name),
                value=row["value"],
                default=row["default"],
                source=source,
                help=row["help"],
                kind=_kind(name),
                choices=_choices(name),
                least=_bound(name, "ge", "gt"),
                most=_bound(name, "le", "lt"),
                effect=effect(name),
                changeable=effect(name) != "environment only" and source in ("panel", "default"),
                waiting=then["value"] if then["value"] != row["value"] and not is_secret(name) else None,
                changed=override.changed if override and source == "panel" else None,
                changed_by=override.changed_by if override and source == "panel" else None,
                plain_name=plain.name,
                plain_help=plain.help,
                search_words=SEARCH_WORDS.get(name, ""),
            )
        )
    return tuple(rows)


def pending_restart(overrides: SettingOverrides) -> tuple[str, ...]:
    """The names of the settings whose change takes effect after a restart."""
    return tuple(row.name for row in setting_rows(overrides) if row.waiting is not None)


def _kind(name: str) -> SettingKind:
    annotation = Settings.model_fields[name].annotation
    if annotation == (int | None):
        annotation = int
    kinds: dict[object, SettingKind] = {
        bool: "switch",
        int: "whole number",
        float: "number",
        ByteSize: "size",
    }
    if get_origin(annotation) is list:
        return "list"
    return "choice" if _choices(name) else kinds.get(annotation, "text")


def _choices(name: str) -> tuple[str, ...]:
    annotation = Settings.model_fields[name].annotation
    return tuple(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ()


def _bound(name: str, *kinds: str) -> float | None:
    found = (getattr(rule, kind, None) for rule in Settings.model_fields[name].metadata for kind in kinds)
    return next((float(bound) for bound in found if bound is not None), None)
