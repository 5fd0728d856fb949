"""Keys for programs: each is its user's, may do what its scopes say, and ends when it is told to."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from whisper_appliance.accounts.audit_port import Record
from whisper_appliance.accounts.best_effort import mark
from whisper_appliance.accounts.identity import SCOPES, Actor, Scope, User
from whisper_appliance.accounts.tokens import hashed, new_token
from whisper_appliance.accounts.users import user_of
from whisper_appliance.core.clock import Clock, written
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import keys, users

PREFIX = "wa_"
HINT_CHARS = 8
MAX_PER_USER = 100
MAX_NAME_CHARS = 60
MAX_DAYS = 3660
USED_EVERY = timedelta(hours=1)
"""Grain of `last_used`: not every request writes."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key, without its secret; `hint` is how it begins."""

    id: str
    user_id: str
    name: str
    hint: str
    scopes: frozenset[Scope]
    created: str
    expires: str | None
    last_used: str | None


class Keys:
    """The keys in a database. `by` is who does it, for the record."""

    def __init__(self, database: Database, *, record: Record, clock: Clock) -> None:
        self._database = database
        self._record = record
        self._clock = clock

    def create(
        self, user: User, name: str, scopes: Iterable[Scope], *, days: float | None, by: Actor
    ) -> tuple[Key, str]:
        """A new key, and its secret, which nobody can be told again. `days` None: until it is revoked.

        Raises `InvalidRequest`, `Conflict` when the user has very many.
        """
        token, now = new_token(PREFIX), self._clock()
        row = {
            "id": secrets.token_hex(16),
            "token_hash": hashed(token),
            "user_id": user.id,
            "name": _checked_name(name),
            "hint": token[:HINT_CHARS],
            "scopes": " ".join(_checked_scopes(scopes, user)),
            "created": written(now),
            "expires": None if days is None else written(now + timedelta(days=_checked_days(days))),
            "last_used": None,
        }
        with self._database.write() as connection:
            count = sa.select(sa.func.count()).where(keys.c.user_id == user.id)
            if connection.execute(count).scalar_one() >= MAX_PER_USER:
                raise Conflict(f"A user may have {MAX_PER_USER} keys. Revoke some first.")
            key = _key(connection.execute(keys.insert().values(row).returning(*keys.c)).mappings().one())
        details = {"user": user.name, "name": key.name, "scopes": row["scopes"], "expires": key.expires}
        self._record(by, "key.create", key.id, details)
        return key, token

    def find(self, token: str) -> tuple[Key, User] | None:
        """The key of this secret and its user; None when it is not good any more, or its user is disabled."""
        with self._database.read() as connection:
            question = sa.select(keys).where(keys.c.token_hash == hashed(token))
            row = connection.execute(question).mappings().first()
            if row is None:
                return None
            whose = connection.execute(sa.select(users).where(users.c.id == row["user_id"])).mappings().one()
        user, now = user_of(whose), self._clock()
        if user.disabled or (row["expires"] is not None and row["expires"] <= written(now)):
            return None
        self._use(row)
        return _key(row), user

    def list(self, user_id: str | None = None) -> tuple[Key, ...]:
        """The keys of one user, or of everyone, the newest first; ended ones included."""
        question = sa.select(keys).order_by(keys.c.created.desc(), keys.c.id)
        if user_id is not None:
            question = question.where(keys.c.user_id == user_id)
        with self._database.read() as connection:
            return tuple(_key(row) for row in connection.execute(question).mappings())

    def get(self, id: str) -> Key:
        """One key by its id. Raises `NotFound`."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(keys).where(keys.c.id == id)).mappings().first()
        if row is None:
            raise NotFound("There is no such key.")
        return _key(row)

    def revoke(self, id: str, *, by: Actor) -> None:
        """Ends a key for good. Raises `NotFound`."""
        with self._database.write() as connection:
            gone = (
                connection.execute(keys.delete().where(keys.c.id == id).returning(*keys.c)).mappings().first()
            )
        if gone is None:
            raise NotFound("There is no such key.")
        self._record(by, "key.revoke", id, {"user": gone["user_id"], "name": gone["name"]})

    def _use(self, row: sa.RowMapping) -> None:
        now = self._clock()
        if row["last_used"] is None or not written(now - USED_EVERY) < row["last_used"] <= written(now):
            same = keys.c.id == row["id"]
            mark(self._database, keys.update().where(same).values(last_used=written(now)))


def _checked_name(name: str) -> str:
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if not name or len(name) > MAX_NAME_CHARS:
        raise InvalidRequest(
            f"Name the key by what uses it, in 1 to {MAX_NAME_CHARS} characters.", field="name"
        )
    return name


def _checked_scopes(scopes: Iterable[Scope], user: User) -> tuple[Scope, ...]:
    wanted = set(scopes)
    if not wanted or not wanted <= set(SCOPES):
        raise InvalidRequest(f"A key has one or more of the scopes {', '.join(SCOPES)}.", field="scopes")
    if "admin" in wanted and user.role == "member":
        raise InvalidRequest("The scope admin is for the keys of admins.", field="scopes")
    return tuple(scope for scope in SCOPES if scope in wanted)


def _checked_days(days: float) -> float:
    if not 0 < days <= MAX_DAYS:
        raise InvalidRequest(f"A key lives up to {MAX_DAYS} days, or until it is revoked.", field="days")
    return days


def _key(row: sa.RowMapping) -> Key:
    values = {name: row[name] for name in Key.__slots__ if name != "scopes"}
    return Key(scopes=frozenset(row["scopes"].split()), **values)
