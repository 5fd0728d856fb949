"""API keys: tokens with which programs act for a user, within scopes, until they expire or are revoked."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from whisper_appliance.accounts.activity import is_due, write_best_effort
from whisper_appliance.accounts.audit import WriteAudit
from whisper_appliance.accounts.identity import SCOPES, Actor, Scope, User
from whisper_appliance.accounts.tokens import new_token, token_hash
from whisper_appliance.accounts.users import user_of
from whisper_appliance.core.clock import Clock, written
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound
from whisper_appliance.core.text import one_line
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import ACCOUNTS, keys, users

KEY_PREFIX = "wa_"
HINT_CHARS = 8
MAX_PER_USER = 100
MAX_NAME_CHARS = 60
MAX_DAYS = 3660
LAST_USED_INTERVAL = timedelta(hours=1)
"""`last_used` is written at most so often, because not every request should write."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its token; `hint` is the beginning of the token."""

    id: str
    user_id: str
    name: str
    hint: str
    scopes: frozenset[Scope]
    created: str
    expires: str | None
    last_used: str | None


class ApiKeys:
    """The API keys in a database. `by` is the actor for the audit log."""

    def __init__(self, database: Database, *, write_audit: WriteAudit, clock: Clock) -> None:
        self._database = database
        self._write_audit = write_audit
        self._clock = clock

    def create(
        self, user: User, name: str, scopes: Iterable[Scope], *, days: float | None, by: Actor
    ) -> tuple[ApiKey, str]:
        """A new key and its token, which is not stored and cannot be shown again.

        `days` None: the key is valid until it is revoked. Raises `InvalidRequest`, and `Conflict` when the
        user has `MAX_PER_USER` keys.
        """
        token, now = new_token(KEY_PREFIX), self._clock()
        row = {
            "id": secrets.token_hex(16),
            "token_hash": token_hash(token),
            "user_id": user.id,
            "name": _validate_name(name),
            "hint": token[:HINT_CHARS],
            "scopes": " ".join(_validate_scopes(scopes, user)),
            "created": written(now),
            "expires": None if days is None else written(now + timedelta(days=_validate_days(days))),
            "last_used": None,
        }
        with self._database.write(exclusive=ACCOUNTS) as connection:
            count = sa.select(sa.func.count()).where(keys.c.user_id == user.id)
            if connection.execute(count).scalar_one() >= MAX_PER_USER:
                raise Conflict(
                    "A user may have {max_per_user} keys. Revoke some first.", max_per_user=MAX_PER_USER
                )
            key = _key(connection.execute(keys.insert().values(row).returning(*keys.c)).mappings().one())
        details = {"user": user.name, "name": key.name, "scopes": row["scopes"], "expires": key.expires}
        self._write_audit(by, "key.create", key.id, details)
        return key, token

    def find_valid(self, token: str) -> tuple[ApiKey, User] | None:
        """Checks an API key: the key and its user.

        None when the token is wrong, the key is revoked or expired, or its user is disabled.
        """
        with self._database.read() as connection:
            query = sa.select(keys).where(keys.c.token_hash == token_hash(token))
            row = connection.execute(query).mappings().first()
            if row is None:
                return None
            user_row = (
                connection.execute(sa.select(users).where(users.c.id == row["user_id"])).mappings().one()
            )
        user, now = user_of(user_row), self._clock()
        if user.disabled or (row["expires"] is not None and row["expires"] <= written(now)):
            return None
        if is_due(row["last_used"], now, LAST_USED_INTERVAL):
            used = keys.update().where(keys.c.id == row["id"]).values(last_used=written(now))
            write_best_effort(self._database, used)
        return _key(row), user

    def list_keys(self, user_id: str | None = None) -> tuple[ApiKey, ...]:
        """The keys of one user, or all keys, newest first; expired ones included."""
        query = sa.select(keys).order_by(keys.c.created.desc(), keys.c.id)
        if user_id is not None:
            query = query.where(keys.c.user_id == user_id)
        with self._database.read() as connection:
            return tuple(_key(row) for row in connection.execute(query).mappings())

    def get(self, key_id: str) -> ApiKey:
        """One key by its id. Raises `NotFound`."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(keys).where(keys.c.id == key_id)).mappings().first()
        if row is None:
            raise NotFound("There is no such key.")
        return _key(row)

    def revoke(self, key_id: str, *, by: Actor) -> None:
        """Deletes a key, so that its token is no longer valid. Raises `NotFound`."""
        deletion = keys.delete().where(keys.c.id == key_id).returning(*keys.c)
        with self._database.write() as connection:
            deleted = connection.execute(deletion).mappings().first()
        if deleted is None:
            raise NotFound("There is no such key.")
        details = {"user": deleted["user_id"], "name": deleted["name"]}
        self._write_audit(by, "key.revoke", key_id, details)


def _validate_name(name: str) -> str:
    name = one_line(name)
    if not name or len(name) > MAX_NAME_CHARS:
        raise InvalidRequest(
            "Name the key by what uses it, in 1 to {max_name_chars} characters.",
            max_name_chars=MAX_NAME_CHARS,
            field="name",
        )
    return name


def _validate_scopes(scopes: Iterable[Scope], user: User) -> tuple[Scope, ...]:
    chosen = set(scopes)
    if not chosen or not chosen <= set(SCOPES):
        raise InvalidRequest(
            "A key has one or more of the scopes {scopes}.", scopes=", ".join(SCOPES), field="scopes"
        )
    if "admin" in chosen and user.role == "member":
        raise InvalidRequest("The scope admin is for the keys of admins.", field="scopes")
    return tuple(scope for scope in SCOPES if scope in chosen)


def _validate_days(days: float) -> float:
    if not 0 < days <= MAX_DAYS:
        raise InvalidRequest(
            "A key is valid for up to {max_days} days, or until it is revoked.",
            max_days=MAX_DAYS,
            field="days",
        )
    return days


def _key(row: sa.RowMapping) -> ApiKey:
    values = {name: row[name] for name in ApiKey.__slots__ if name != "scopes"}
    return ApiKey(scopes=frozenset(row["scopes"].split()), **values)
