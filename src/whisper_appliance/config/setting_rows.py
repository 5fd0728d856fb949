"""Every setting as people look at it: value, default, who says so, what it does, when a change counts."""

from dataclasses import dataclass
from typing import Literal, get_args, get_origin

from pydantic import ByteSize

from whisper_appliance.config.overrides import Adjustments, Effect, Source, effect, is_secret
from whisper_appliance.config.settings import Settings, table

Kind = Literal["switch", "choice", "whole number", "number", "size", "list", "text"]

SECTIONS = {
    "host": "Network",
    "data_dir": "Folders and database",
    "whisper_model": "Models and engine",
    "max_upload_size": "Limits",
    "debug_mode": "Operation",
}
"""The first setting of each section of the table, and what the section is called."""


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting. `waiting` is the value that counts after the next start, where it is another one."""

    name: str
    section: str
    value: str
    default: str
    source: Source
    help: str
    kind: Kind
    choices: tuple[str, ...]
    least: float | None
    most: float | None
    effect: Effect
    changeable: bool
    waiting: str | None
    changed: str | None
    changed_by: str | None


def rows(adjustments: Adjustments) -> tuple[SettingRow, ...]:
    """All of them, in the order of the table."""
    now, later = table(adjustments.settings), table(adjustments.after_restart())
    made, section = [], ""
    for name, row, then in zip(Settings.model_fields, now, later, strict=True):
        section = SECTIONS.get(name, section)
        kept = adjustments.stored.get(name)
        source = adjustments.source(name)
        made.append(
            SettingRow(
                name=row["name"],
                section=section,
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
                changed=kept.changed if kept and source == "panel" else None,
                changed_by=kept.changed_by if kept and source == "panel" else None,
            )
        )
    return tuple(made)


def waiting(adjustments: Adjustments) -> tuple[str, ...]:
    """The names of the settings that wait for a restart."""
    return tuple(row.name for row in rows(adjustments) if row.waiting is not None)


def _kind(name: str) -> Kind:
    annotation = Settings.model_fields[name].annotation
    kinds: dict[object, Kind] = {bool: "switch", int: "whole number", float: "number", ByteSize: "size"}
    if get_origin(annotation) is list:
        return "list"
    return "choice" if _choices(name) else kinds.get(annotation, "text")


def _choices(name: str) -> tuple[str, ...]:
    annotation = Settings.model_fields[name].annotation
    return tuple(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ()


def _bound(name: str, *kinds: str) -> float | None:
    found = (getattr(rule, kind, None) for rule in Settings.model_fields[name].metadata for kind in kinds)
    return next((float(bound) for bound in found if bound is not None), None)
