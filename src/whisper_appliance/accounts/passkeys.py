"""Passkeys (WebAuthn): keys on the devices of a user, with which they sign in without password and code.

A passkey belongs to one host name (in WebAuthn: the relying party's id), and is unlocked on the device by a
fingerprint, a face or a PIN. The database holds public keys only.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from whisper_appliance.accounts.audit import WriteAudit
from whisper_appliance.accounts.identity import Actor, User
from whisper_appliance.accounts.tokens import token_hash
from whisper_appliance.accounts.users import user_of
from whisper_appliance.core.clock import Clock, written
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound, SignInFailed
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.text import one_line
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import ACCOUNTS, passkey_challenges, passkeys, users

if TYPE_CHECKING:
    from fido2.server import Fido2Server

APPLIANCE_NAME = "Whisper Appliance"
MAX_PER_USER = 20
MAX_NAME_CHARS = 60
CHALLENGE_LIFETIME = timedelta(minutes=5)
REFUSED = N_("This passkey was not accepted. Sign in with your password.")
SIGN_COUNTER_BYTES = slice(33, 37)
"""Where the counter stands in the authenticator data (WebAuthn, 6.1)."""
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)
"""What fido2 raises for answers that are wrong or no answers at all."""


@dataclass(frozen=True, slots=True)
class Site:
    """The site that a passkey is for: its host name, and the origin of its pages."""

    host: str
    origin: str


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey without its public key."""

    id: str
    name: str
    host: str
    created: str
    last_used: str | None


class Passkeys:
    """The passkeys in a database. `by` is the actor for the audit log.

    Options and answers are those of WebAuthn as JSON (level 3, 5.1.8 to 5.1.10).
    """

    def __init__(self, database: Database, *, write_audit: WriteAudit, clock: Clock) -> None:
        self._database = database
        self._write_audit = write_audit
        self._clock = clock

    def list_passkeys(self, user_id: str) -> tuple[Passkey, ...]:
        """The passkeys of a user, oldest first."""
        query = sa.select(passkeys).where(passkeys.c.user_id == user_id).order_by(passkeys.c.created)
        with self._database.read() as connection:
            return tuple(_passkey(row) for row in connection.execute(query).mappings())

    def exist_for(self, site: Site) -> bool:
        """Whether anybody has a passkey for this site."""
        query = sa.select(passkeys.c.id).where(passkeys.c.host == site.host).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def begin_registration(self, user: User, site: Site) -> dict[str, Any]:
        """The options with which the user's browser makes a passkey.

        Raises `Conflict` for people of a provider: they could sign in after they left it.
        """
        from fido2.webauthn import (
            AttestedCredentialData,
            PublicKeyCredentialUserEntity,
            ResidentKeyRequirement,
            UserVerificationRequirement,
        )

        if not user.has_password:
            raise Conflict("You sign in with your provider; make a passkey there.")
        with self._database.read() as connection:
            known = sa.select(passkeys.c.credential).where(
                passkeys.c.user_id == user.id, passkeys.c.host == site.host
            )
            credentials = [
                AttestedCredentialData(_decoded(text)) for text in connection.execute(known).scalars()
            ]
        options, state = _server(site).register_begin(
            PublicKeyCredentialUserEntity(id=bytes.fromhex(user.id), name=user.name, display_name=user.name),
            credentials,
            resident_key_requirement=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        self._keep_challenge(state["challenge"], user.id)
        return dict(options["publicKey"])

    def register(self, user: User, site: Site, name: str, answer: Mapping[str, Any], *, by: Actor) -> Passkey:
        """Stores the passkey that the browser made. Raises `InvalidRequest`, `Conflict`."""
        state = self._used_challenge(answer, user.id)
        try:
            made = _server(site).register_complete(state, answer).credential_data if state else None
        except UNREADABLE:
            made = None
        if made is None:
            raise InvalidRequest("This passkey cannot be used. Try again.")
        row = {
            "id": secrets.token_hex(16),
            "credential_hash": _credential_hash(made.credential_id),
            "user_id": user.id,
            "name": one_line(name)[:MAX_NAME_CHARS] or APPLIANCE_NAME,
            "host": site.host,
            "credential": _encoded(bytes(made)),
            "sign_count": 0,
            "created": written(self._clock()),
            "last_used": None,
        }
        passkey = self._insert(user, row)
        self._write_audit(by, "passkey.create", passkey.id, {"user": user.name, "name": passkey.name})
        return passkey

    def begin_sign_in(self, site: Site) -> dict[str, Any]:
        """The options with which a browser signs in; the device knows which passkeys there are."""
        from fido2.webauthn import UserVerificationRequirement

        options, state = _server(site).authenticate_begin(
            user_verification=UserVerificationRequirement.REQUIRED
        )
        self._keep_challenge(state["challenge"], None)
        return dict(options["publicKey"])

    def authenticate(self, site: Site, answer: Mapping[str, Any]) -> User:
        """The user of the passkey that signed the challenge. Raises `SignInFailed`."""
        state = self._used_challenge(answer, None)
        found = self._find(answer)
        if state is None or found is None:
            raise SignInFailed(REFUSED)
        row, user = found
        may_sign_in = user.has_password and not user.disabled
        if not may_sign_in or not self._is_signed(site, state, row, answer):
            raise SignInFailed(REFUSED)
        return user

    def remove(self, user: User, passkey_id: str, *, by: Actor) -> None:
        """Deletes a passkey of a user. Raises `NotFound`."""
        deletion = passkeys.delete().where(passkeys.c.id == passkey_id, passkeys.c.user_id == user.id)
        with self._database.write() as connection:
            name = connection.execute(deletion.returning(passkeys.c.name)).scalar()
        if name is None:
            raise NotFound("There is no such passkey.")
        self._write_audit(by, "passkey.remove", passkey_id, {"user": user.name, "name": name})

    def remove_all(self, user: User, *, by: Actor) -> None:
        """Deletes the passkeys of a user."""
        for passkey in self.list_passkeys(user.id):
            self.remove(user, passkey.id, by=by)

    def _insert(self, user: User, row: dict[str, Any]) -> Passkey:
        with self._database.write(exclusive=ACCOUNTS) as connection:
            count = sa.select(sa.func.count()).where(passkeys.c.user_id == user.id)
            if connection.execute(count).scalar_one() >= MAX_PER_USER:
                raise Conflict(
                    "A user may have {max_per_user} passkeys. Remove some first.", max_per_user=MAX_PER_USER
                )
            same = sa.select(passkeys.c.id).where(passkeys.c.credential_hash == row["credential_hash"])
            if connection.execute(same).first():
                raise Conflict("This passkey is registered already.")
            added = connection.execute(passkeys.insert().values(row).returning(*passkeys.c))
            return _passkey(added.mappings().one())

    def _find(self, answer: Mapping[str, Any]) -> tuple[sa.RowMapping, User] | None:
        try:
            credential_id = _decoded(str(answer.get("rawId", "")))
        except ValueError:
            return None
        by_id = sa.select(passkeys).where(passkeys.c.credential_hash == _credential_hash(credential_id))
        with self._database.read() as connection:
            row = connection.execute(by_id).mappings().first()
            if row is None:
                return None
            of_user = sa.select(users).where(users.c.id == row["user_id"])
            return row, user_of(connection.execute(of_user).mappings().one())

    def _is_signed(
        self, site: Site, state: Mapping[str, Any], row: sa.RowMapping, answer: Mapping[str, Any]
    ) -> bool:
        """Whether the passkey of `row` signed the answer. Its counter must grow, where it counts."""
        from fido2.webauthn import AttestedCredentialData

        try:
            _server(site).authenticate_complete(
                state, [AttestedCredentialData(_decoded(row["credential"]))], answer
            )
            data = _decoded(answer["response"]["authenticatorData"])
        except UNREADABLE:
            return False
        count = int.from_bytes(data[SIGN_COUNTER_BYTES], "big")
        grown = passkeys.c.sign_count < count if count else passkeys.c.sign_count == 0
        used = passkeys.update().where(passkeys.c.id == row["id"], grown)
        with self._database.write() as connection:
            noted = used.values(sign_count=count, last_used=written(self._clock()))
            return connection.execute(noted).rowcount == 1

    def _keep_challenge(self, challenge: str, user_id: str | None) -> None:
        """Stores a challenge, which can be used once; drops those that are too old."""
        now = self._clock()
        row = {"challenge_hash": token_hash(challenge), "user_id": user_id, "created": written(now)}
        with self._database.write() as connection:
            old = passkey_challenges.c.created < written(now - CHALLENGE_LIFETIME)
            connection.execute(passkey_challenges.delete().where(old))
            connection.execute(passkey_challenges.insert().values(row))

    def _used_challenge(self, answer: Mapping[str, Any], user_id: str | None) -> dict[str, Any] | None:
        """The challenge in an answer, as fido2 wants it; None if it is unknown, used, old or another's."""
        from fido2.utils import websafe_encode
        from fido2.webauthn import CollectedClientData, UserVerificationRequirement

        try:
            challenge = CollectedClientData(_decoded(answer["response"]["clientDataJSON"])).challenge
        except UNREADABLE:
            return None
        known = passkey_challenges.delete().where(
            passkey_challenges.c.challenge_hash == token_hash(websafe_encode(challenge)),
            passkey_challenges.c.user_id == user_id
            if user_id is not None
            else passkey_challenges.c.user_id.is_(None),
            passkey_challenges.c.created > written(self._clock() - CHALLENGE_LIFETIME),
        )
        with self._database.write() as connection:
            if connection.execute(known).rowcount != 1:
                return None
        return {
            "challenge": websafe_encode(challenge),
            "user_verification": UserVerificationRequirement.REQUIRED,
        }


def _server(site: Site) -> "Fido2Server":
    from fido2.server import Fido2Server  # takes a second to import, and most starts need none
    from fido2.webauthn import PublicKeyCredentialRpEntity

    entity = PublicKeyCredentialRpEntity(name=APPLIANCE_NAME, id=site.host)
    return Fido2Server(entity, verify_origin=lambda origin: origin == site.origin)


def _passkey(row: sa.RowMapping) -> Passkey:
    return Passkey(**{name: row[name] for name in Passkey.__slots__})


def _credential_hash(credential_id: bytes) -> str:
    return token_hash(credential_id.hex())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
