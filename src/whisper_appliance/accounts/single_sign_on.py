"""Accounts of people who sign in with a provider: found by issuer and subject, made at the first sign-in."""

from collections.abc import Callable

import sqlalchemy as sa

from whisper_appliance.accounts.audit import WriteAudit
from whisper_appliance.accounts.identity import PROVIDER, Role, User
from whisper_appliance.accounts.oidc_provider import EndedAtProvider, Identity
from whisper_appliance.accounts.users import MAX_NAME_CHARS, NAME_TAKEN, NO_PASSWORD, Users, user_of
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotAllowed, SignInFailed
from whisper_appliance.core.text import normalized_name
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import ACCOUNTS, identities, users

MAX_NAMES = 100


class SingleSignOn:
    """The identities in a database, and the rules by which they get accounts and roles."""

    def __init__(
        self,
        database: Database,
        users: Users,
        get_settings: Callable[[], Settings],
        *,
        end_sessions: Callable[[EndedAtProvider], object],
        write_audit: WriteAudit,
        clock: Clock = now,
    ) -> None:
        self._database = database
        self._users = users
        self._get_settings = get_settings
        self._end_sessions = end_sessions
        self._write_audit = write_audit
        self._clock = clock

    def user_for(self, identity: Identity) -> User:
        """The user of an identity, with the role of its groups.

        Raises `NotAllowed` if no group may sign in, `SignInFailed` for a disabled account, `Conflict` before
        the owner's account is made. Who is in no group any more loses the sessions and the role of an admin.
        """
        settings = self._get_settings()
        admins, others = set(settings.oidc_admin_groups), set(settings.oidc_user_groups)
        if others and not identity.groups & (admins | others):
            self._shut_out(identity)
            raise NotAllowed("Your account at the provider is in no group that may use this appliance.")
        if not self._users.exist():
            raise Conflict("The owner's account comes first. Open the address that the appliance printed.")
        role: Role = "admin" if identity.groups & admins else "member"
        user = self._find(identity) or self._link(identity) or self._make(identity, role)
        if user.disabled:
            raise SignInFailed("This account is disabled. Ask an administrator.")
        return self._with_role(user, role)

    def providers(self) -> dict[str, str]:
        """The issuer with which each user signs in, by id; users with a password only are not in it."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(identities.c.user_id, identities.c.issuer))
            return {row.user_id: row.issuer for row in rows}

    def check_new_name(self, name: str, *, by: Role) -> None:
        """Raises `InvalidRequest` for an e-mail address, unless an owner takes it, where these link accounts.

        Otherwise the person of this address would be led into the account of who took it.
        """
        if by != "owner" and self._links_addresses and "@" in normalized_name(name):
            raise InvalidRequest("Only owners may give an e-mail address as a name here.", field="name")

    @property
    def _links_addresses(self) -> bool:
        return self._get_settings().oidc_link_verified_email

    def _shut_out(self, identity: Identity) -> None:
        if user := self._find(identity):
            self._with_role(user, "member")
            self._end_sessions(EndedAtProvider(identity.issuer, identity.subject, sid=""))

    def _with_role(self, user: User, role: Role) -> User:
        """The user with the role of their groups, where groups give roles. Owners stay owners."""
        if not self._get_settings().oidc_admin_groups or user.role in ("owner", role):
            return user
        return self._users.set_role(user.id, role, by=PROVIDER, if_role=user.role)

    def _find(self, identity: Identity) -> User | None:
        with self._database.read() as connection:
            return _find(connection, identity)

    def _link(self, identity: Identity) -> User | None:
        """The account that is named by the verified e-mail address, if OIDC_LINK_VERIFIED_EMAIL allows it.

        It must have a password and no person of a provider yet, because accounts that are made at a sign-in
        have names that nobody verified.
        """
        if not self._links_addresses or not identity.verified_email:
            return None
        with self._database.write(exclusive=ACCOUNTS) as connection:
            named = sa.select(users).where(
                users.c.name_folded == normalized_name(identity.verified_email),
                users.c.password != NO_PASSWORD,
                users.c.id.not_in(sa.select(identities.c.user_id)),
            )
            row = connection.execute(named).mappings().first()
            if row is None:
                return None
            user = user_of(row)
            self._add(connection, identity, user.id)
        self._write_audit(PROVIDER, "user.link", user.id, {"name": user.name, "issuer": identity.issuer})
        return user

    def _make(self, identity: Identity, role: Role) -> User:
        name = " ".join("".join(c if c.isprintable() else " " for c in identity.name).split())
        base = name[: MAX_NAME_CHARS - 4].strip() or "user"
        for number in range(1, MAX_NAMES):
            row = self._users.row_without_password(base if number == 1 else f"{base} {number}", role)
            try:
                with self._database.write(exclusive=ACCOUNTS) as connection:
                    if made := _find(connection, identity):  # by another sign-in meanwhile
                        return made
                    user = self._users.insert(connection, row)
                    self._add(connection, identity, user.id)
            except Conflict:
                continue  # the name is taken, maybe by somebody else: it gives no right to that account
            self._write_audit(PROVIDER, "user.create", user.id, {"name": user.name, "role": role})
            return user
        raise Conflict(NAME_TAKEN)

    def _add(self, connection: sa.Connection, identity: Identity, user_id: str) -> None:
        connection.execute(
            identities.insert().values(
                issuer=identity.issuer,
                subject=identity.subject,
                user_id=user_id,
                created=written(self._clock()),
            )
        )


def _find(connection: sa.Connection, identity: Identity) -> User | None:
    same = sa.and_(identities.c.issuer == identity.issuer, identities.c.subject == identity.subject)
    of_identity = sa.select(users).join(identities, identities.c.user_id == users.c.id).where(same)
    row = connection.execute(of_identity).mappings().first()
    return user_of(row) if row else None
