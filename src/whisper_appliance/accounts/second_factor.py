"""The second factor of an account: codes of an authenticator app (TOTP, RFC 6238), and recovery codes.

The secret is stored as it is, because each code is computed from it. Recovery codes are stored as hashes.
"""

import secrets
from dataclasses import dataclass

import pyotp
import sqlalchemy as sa

from whisper_appliance.accounts.audit import WriteAudit
from whisper_appliance.accounts.identity import Actor, User
from whisper_appliance.accounts.throttle import Throttle
from whisper_appliance.accounts.tokens import token_hash
from whisper_appliance.core.clock import Clock, written
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.network import client_network
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import ACCOUNTS, recovery_codes, totp

ISSUER = "Whisper Appliance"
PERIOD_SECONDS = 30
ACCEPTED_STEPS = (0, -1, 1)
"""Clocks of phones may differ by a period; RFC 6238 (5.2) recommends one step of tolerance."""
RECOVERY_CODES = 10
RECOVERY_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # without 0, 1, l, o, which look alike
RECOVERY_GROUPS = 4
"""Of four characters each: 80 random bits, so a fast hash is enough."""
WRONG_CODE = N_("This code is not valid. Enter the present one of your app; each works once.")


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """The second factor of a user; `since` None: it is off."""

    since: str | None
    recovery_codes: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A secret for an authenticator app, in base32, and the address (otpauth:) of its QR code."""

    secret: str
    uri: str


class SecondFactors:
    """The second factors in a database. `by` is the actor for the audit log."""

    def __init__(
        self,
        database: Database,
        throttle: Throttle,
        *,
        write_audit: WriteAudit,
        clock: Clock,
    ) -> None:
        self._database = database
        self._write_audit = write_audit
        self._clock = clock
        self._throttle = throttle

    def get(self, user_id: str) -> SecondFactor:
        """The second factor of a user."""
        with self._database.read() as connection:
            since = connection.execute(sa.select(totp.c.since).where(totp.c.user_id == user_id)).scalar()
            codes = sa.select(sa.func.count()).where(recovery_codes.c.user_id == user_id)
            return SecondFactor(since, connection.execute(codes).scalar_one())

    def is_on(self, user_id: str) -> bool:
        """Whether this user signs in with a code."""
        return self.get(user_id).since is not None

    def enrol(self, user: User) -> Enrolment:
        """A new secret, which counts once `activate` gets a code of it. Raises `Conflict` if it is on."""
        secret = pyotp.random_base32()
        with self._database.write(exclusive=ACCOUNTS) as connection:
            pending = sa.and_(totp.c.user_id == user.id, totp.c.since.is_(None))
            connection.execute(totp.delete().where(pending))
            if connection.execute(sa.select(totp.c.user_id).where(totp.c.user_id == user.id)).first():
                raise Conflict("The second factor is on already. Turn it off first.")
            connection.execute(totp.insert().values(user_id=user.id, secret=secret, last_step=0))
        return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=user.name, issuer_name=ISSUER))

    def activate(self, user: User, code: str, *, by: Actor) -> tuple[str, ...]:
        """Turns it on, with the first code of the app; returns the recovery codes, which are not stored.

        Raises `NotFound` without a secret, `InvalidRequest` for a wrong code, `Conflict` if it is on, `Busy`.
        """
        self._throttle.attempt(user.id, user.id)
        if self.is_on(user.id):
            raise Conflict("The second factor is on already. Turn it off first.")
        if not self._use_code(user.id, code):
            raise InvalidRequest(WRONG_CODE, field="code")
        self._throttle.succeeded(user.id, user.id)
        codes = _new_recovery_codes()
        with self._database.write(exclusive=ACCOUNTS) as connection:
            # Another set-up of the same user may have replaced the secret; of that one no code was given.
            proven = sa.and_(totp.c.since.is_(None), totp.c.last_step > 0)
            started = totp.update().where(totp.c.user_id == user.id, proven)
            if connection.execute(started.values(since=written(self._clock()))).rowcount == 0:
                raise NotFound("The set-up of the second factor has ended. Begin again.")
            _replace_recovery_codes(connection, user.id, codes)
        self._write_audit(by, "second_factor.on", user.id, {"name": user.name})
        return codes

    def verify(self, user: User, code: str, *, address: str) -> bool:
        """Whether this is a code of the user's app, or a recovery code; neither works twice. Raises `Busy`.

        All addresses that gave no good code lately count together, because only who knows the password gets
        here.
        """
        place = f"{user.id} {client_network(address)}"
        is_trusted = self._throttle.is_trusted(user.id, place)
        self._throttle.attempt(user.id, place if is_trusted else f"{user.id} elsewhere")
        recovered = False
        if not self._use_code(user.id, code):
            recovered = self._use_recovery_code(user.id, code)
            if not recovered:
                return False
        self._throttle.succeeded(user.id, place)
        if recovered:
            left = self.get(user.id).recovery_codes
            self._write_audit(Actor(user.id, user), "second_factor.recovery", user.id, {"codes_left": left})
        return True

    def renew_recovery_codes(self, user: User, *, by: Actor) -> tuple[str, ...]:
        """New recovery codes in place of the earlier ones. Raises `Conflict` if the second factor is off."""
        codes = _new_recovery_codes()
        with self._database.write(exclusive=ACCOUNTS) as connection:
            on = sa.select(totp.c.since).where(totp.c.user_id == user.id)
            if connection.execute(on).scalar() is None:
                raise Conflict("The second factor is off. Turn it on first.")
            _replace_recovery_codes(connection, user.id, codes)
        self._write_audit(by, "second_factor.codes", user.id, {"name": user.name})
        return codes

    def remove(self, user: User, *, by: Actor) -> None:
        """Turns it off, and forgets the secret and the recovery codes."""
        with self._database.write(exclusive=ACCOUNTS) as connection:
            for table in (totp, recovery_codes):
                connection.execute(table.delete().where(table.c.user_id == user.id))
        self._write_audit(by, "second_factor.off", user.id, {"name": user.name})

    def _use_code(self, user_id: str, code: str) -> bool:
        """Whether the app shows this code now. The step of the code is noted, so that it works once."""
        with self._database.read() as connection:
            secret = connection.execute(sa.select(totp.c.secret).where(totp.c.user_id == user_id)).scalar()
        digits = "".join(code.split())
        if secret is None or not digits.isascii() or not digits.isdigit():
            return False
        generator, now = pyotp.TOTP(secret), int(self._clock().timestamp()) // PERIOD_SECONDS
        shown = (
            now + offset
            for offset in ACCEPTED_STEPS
            if secrets.compare_digest(generator.generate_otp(now + offset), digits)
        )
        step = next(shown, None)
        if step is None:
            return False
        unused = totp.update().where(
            totp.c.user_id == user_id, totp.c.secret == secret, totp.c.last_step < step
        )
        with self._database.write() as connection:
            return connection.execute(unused.values(last_step=step)).rowcount == 1

    def _use_recovery_code(self, user_id: str, code: str) -> bool:
        used = recovery_codes.delete().where(
            recovery_codes.c.user_id == user_id, recovery_codes.c.code_hash == _recovery_hash(user_id, code)
        )
        with self._database.write() as connection:
            return connection.execute(used).rowcount == 1


def _new_recovery_codes() -> tuple[str, ...]:
    def group() -> str:
        return "".join(secrets.choice(RECOVERY_ALPHABET) for _ in range(4))

    return tuple("-".join(group() for _ in range(RECOVERY_GROUPS)) for _ in range(RECOVERY_CODES))


def _replace_recovery_codes(connection: sa.Connection, user_id: str, codes: tuple[str, ...]) -> None:
    connection.execute(recovery_codes.delete().where(recovery_codes.c.user_id == user_id))
    rows = [{"code_hash": _recovery_hash(user_id, code), "user_id": user_id} for code in codes]
    connection.execute(recovery_codes.insert(), rows)


def _recovery_hash(user_id: str, code: str) -> str:
    """The hash of a code as it is typed: case, spaces and hyphens do not matter."""
    typed = "".join(c for c in code.casefold() if c.isalnum())
    return token_hash(f"{user_id} {typed}")
