"""Sessions that began at an OpenID Connect provider, which can end them."""

import sqlalchemy as sa

from whisper_appliance.accounts.identity import PROVIDER
from whisper_appliance.accounts.oidc_provider import EndedAtProvider, Identity
from whisper_appliance.accounts.sessions import Sessions
from whisper_appliance.core.errors import NotFound
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import provider_sessions as rows

MAX_ID_TOKEN_CHARS = 6000
"""A longer ID token is not stored, because as a hint it makes an address that servers refuse."""


class ProviderSessions:
    """The rows of these sessions; each is deleted together with its session."""

    def __init__(self, database: Database, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions

    def add(self, connection: sa.Connection, session_id: str, identity: Identity) -> None:
        """Notes that a session has begun with this identity, in the transaction that begins it."""
        token = identity.id_token if len(identity.id_token) <= MAX_ID_TOKEN_CHARS else ""
        row = {"issuer": identity.issuer, "subject": identity.subject, "sid": identity.sid, "id_token": token}
        connection.execute(rows.insert().values(session_id=session_id, **row))

    def id_token(self, session_id: str, issuer: str) -> str | None:
        """The ID token with which a session began, `""` if it was too long; None for other sessions."""
        of_session = sa.and_(rows.c.session_id == session_id, rows.c.issuer == issuer)
        with self._database.read() as connection:
            return connection.execute(sa.select(rows.c.id_token).where(of_session)).scalar()

    def end(self, ended: EndedAtProvider) -> int:
        """Ends the sessions of this person, or of this session at the provider; returns how many."""
        matches = [rows.c.issuer == ended.issuer]
        matches += [rows.c.subject == ended.subject] if ended.subject else []
        matches += [rows.c.sid == ended.sid] if ended.sid else []
        with self._database.read() as connection:
            found = connection.execute(sa.select(rows.c.session_id).where(*matches)).scalars().all()
        for session_id in found:
            try:
                self._sessions.end(session_id, by=PROVIDER)
            except NotFound:
                continue  # its user signed out meanwhile
        return len(found)
