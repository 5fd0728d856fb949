"""Client secrets: short-lived tokens for browsers, bound to the rights of the actor who made them.

They are kept in memory only: a restart ends them. A secret opens realtime sessions until it expires; the
creator's key or account is checked again at every use.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from whisper_appliance.accounts.accounts import Accounts
from whisper_appliance.accounts.identity import Actor
from whisper_appliance.accounts.tokens import new_token, token_hash
from whisper_appliance.core.clock import written
from whisper_appliance.core.errors import Busy, NotFound, SignInRequired
from whisper_appliance.core.i18n import N_
from whisper_appliance.protocols.openai_realtime.server_events import JsonObject

SECRET_PREFIX = "ek_"  # noqa: S105 - the beginning of a token, not one
MAX_SECRETS = 10_000
MAX_PER_CLIENT = 100
"""Of one user, or of all clients of one address that have no account."""
INVALID = N_("This client secret is not valid: wrong, or expired. Make a new one.")


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A secret without its token: who made it, for which session, until when (seconds of the epoch).

    `actor` is who acts with it: its creator, without the session of a browser.
    """

    creator: Actor
    actor: Actor
    session: JsonObject
    expires_at: int


class ClientSecrets:
    """All valid client secrets. Thread-safe."""

    def __init__(self, accounts: Accounts, clock: Callable[[], float] = time.time) -> None:
        self._accounts = accounts
        self._clock = clock
        self._lock = threading.Lock()
        self._secrets: dict[str, ClientSecret] = {}

    def create(self, actor: Actor, session: JsonObject, seconds: int) -> tuple[str, ClientSecret]:
        """A new token and its secret. Raises `Busy` if there are too many."""
        token = new_token(SECRET_PREFIX)
        secret = ClientSecret(actor, actor, session, int(self._clock()) + seconds)
        with self._lock:
            self._delete_expired()
            made = sum(each.creator.client == actor.client for each in self._secrets.values())
            if len(self._secrets) >= MAX_SECRETS or made >= MAX_PER_CLIENT:
                raise Busy(
                    "There are too many client secrets. Wait for some to expire.",
                    retry_after_seconds=60,
                    limit_name="client_secrets",
                )
            self._secrets[token_hash(token)] = secret
        return token, secret

    def find_valid(self, token: str) -> ClientSecret:
        """The secret of a token, with the present rights of its creator. Raises `SignInRequired`."""
        secret = self._secrets.get(token_hash(token))
        if secret is None or secret.expires_at <= self._clock():
            raise SignInRequired(INVALID)
        return replace(secret, actor=self.present(secret.creator))

    def present(self, actor: Actor) -> Actor:
        """The creator of a secret, as who acts with it, with the rights of now.

        Raises `SignInRequired` if its key, its session or its account has ended.
        """
        if actor.user is None:
            if self._accounts.access_mode.get() == "accounts":
                raise SignInRequired(INVALID)
            return actor
        try:
            user = self._accounts.users.get(actor.user.id)
            scopes = actor.scopes
            if actor.key:
                key = self._accounts.keys.get(actor.key)
                if key.expires is not None and key.expires <= written(datetime.now(UTC)):
                    raise SignInRequired(INVALID)
                scopes = key.scopes
            if actor.session:
                self._accounts.sessions.get(actor.session)
        except NotFound:
            raise SignInRequired(INVALID) from None
        if user.disabled:
            raise SignInRequired(INVALID)
        return Actor(user.id, user, scopes=scopes & {"transcribe"}, key=actor.key)

    def _delete_expired(self) -> None:
        now = self._clock()
        for name in [name for name, secret in self._secrets.items() if secret.expires_at <= now]:
            del self._secrets[name]
