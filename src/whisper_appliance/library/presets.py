"""Presets: named sets of transcription options of a user, one of which may be the default."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound
from whisper_appliance.core.ids import new_id
from whisper_appliance.core.text import normalized_name, one_line
from whisper_appliance.engines.contract import Options
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import presets

MAX_PRESETS = 100
MAX_NAME_CHARS = 60
DEFAULT_NAME = "default"
"""As a name in a request, it means the default preset."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset. `options` are fields of POST /transcribe."""

    id: str
    name: str
    options: Mapping[str, object]
    is_default: bool
    created: str

    def transcription_options(self) -> Options:
        """The options for a transcription, without the model and the format."""
        names = {field.name for field in fields(Options)}
        given: dict[str, Any] = {name: value for name, value in self.options.items() if name in names}
        if given.get("diarize"):
            given["word_timestamps"] = True
        return Options(**given)


class Presets:
    """The presets in a database, each of one user."""

    def __init__(self, database: Database, *, clock: Clock = now) -> None:
        self._database = database
        self._clock = clock

    def of_user(self, user_id: str) -> tuple[Preset, ...]:
        """The presets of a user by name."""
        query = sa.select(presets).where(presets.c.user_id == user_id).order_by(presets.c.name_folded)
        with self._database.read() as connection:
            return tuple(_preset(row) for row in connection.execute(query).mappings())

    def find(self, user_id: str, name: str) -> Preset:
        """The preset of that name or id; `default` is the default one. Raises `InvalidRequest`."""
        folded = normalized_name(name)
        for preset in self.of_user(user_id):
            if preset.id == name or normalized_name(preset.name) == folded:
                return preset
            if preset.is_default and folded == DEFAULT_NAME:
                return preset
        raise InvalidRequest("You have no preset named {name!r}.", name=name[:MAX_NAME_CHARS], field="preset")

    def create(
        self, user_id: str, name: str, options: Mapping[str, object], *, is_default: bool = False
    ) -> Preset:
        """Adds a preset. Raises `Conflict` for a name that is taken, or for too many."""
        preset = Preset(new_id(), _name(name), dict(options), is_default, written(self._clock()))
        with self._database.write(exclusive="presets") as connection:
            self._check_name(connection, user_id, preset)
            count = sa.select(sa.func.count()).where(presets.c.user_id == user_id)
            if (connection.execute(count).scalar() or 0) >= MAX_PRESETS:
                raise Conflict("There are {limit} presets already. Delete one first.", limit=MAX_PRESETS)
            self._unset_default(connection, user_id, preset)
            connection.execute(presets.insert().values(user_id=user_id, **_columns(preset)))
        return preset

    def change(
        self,
        user_id: str,
        preset_id: str,
        name: str,
        options: Mapping[str, object],
        *,
        is_default: bool = False,
    ) -> Preset:
        """Replaces a preset. Raises `NotFound`, and `Conflict` for a name that is taken."""
        mine = sa.and_(presets.c.user_id == user_id, presets.c.id == preset_id)
        with self._database.write(exclusive="presets") as connection:
            row = connection.execute(sa.select(presets).where(mine)).mappings().first()
            if row is None:
                raise _not_found()
            preset = Preset(preset_id, _name(name), dict(options), is_default, row["created"])
            self._check_name(connection, user_id, preset)
            self._unset_default(connection, user_id, preset)
            connection.execute(presets.update().where(mine).values(**_columns(preset)))
        return preset

    def delete(self, user_id: str, preset_id: str) -> None:
        """Deletes a preset. Raises `NotFound`."""
        mine = sa.and_(presets.c.user_id == user_id, presets.c.id == preset_id)
        with self._database.write() as connection:
            if connection.execute(presets.delete().where(mine)).rowcount == 0:
                raise _not_found()

    def _check_name(self, connection: sa.Connection, user_id: str, preset: Preset) -> None:
        taken = sa.select(presets.c.id).where(
            presets.c.user_id == user_id,
            presets.c.name_folded == normalized_name(preset.name),
            presets.c.id != preset.id,
        )
        if connection.execute(taken).first() is not None:
            raise Conflict("There is a preset of this name already.", field="name")

    def _unset_default(self, connection: sa.Connection, user_id: str, preset: Preset) -> None:
        if preset.is_default:
            of_user = presets.update().where(presets.c.user_id == user_id)
            connection.execute(of_user.values(is_default=False))


def _name(given: str) -> str:
    name = one_line(given)[:MAX_NAME_CHARS].strip()
    if not name or normalized_name(name) == DEFAULT_NAME:
        raise InvalidRequest("Give the preset another name.", field="name")
    return name


def _columns(preset: Preset) -> dict[str, object]:
    return {
        "id": preset.id,
        "name": preset.name,
        "name_folded": normalized_name(preset.name),
        "options": json.dumps(preset.options, ensure_ascii=False),
        "is_default": preset.is_default,
        "created": preset.created,
    }


def _preset(row: sa.RowMapping) -> Preset:
    return Preset(row["id"], row["name"], json.loads(row["options"]), bool(row["is_default"]), row["created"])


def _not_found() -> NotFound:
    return NotFound("There is no such preset.")
