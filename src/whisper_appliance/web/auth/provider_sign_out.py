"""Sign-out at the OpenID Connect provider, after that of the appliance (RP-Initiated Logout 1.0)."""

import hmac
import secrets

from flask import session, url_for

from whisper_appliance.web.context import appliance

SIGNING_OUT = "signing_out"
"""The field of the signed cookie that holds the state of a sign-out."""


def provider_sign_out_url(id_token: str) -> str | None:
    """Where the browser has to go to sign out there too; None if the provider has no such address now."""
    state = secrets.token_urlsafe(24)
    return_uri = url_for("single_sign_on.signed_out", _external=True)
    url = appliance().oidc_provider.sign_out_url(id_token, state, return_uri)
    if url:
        session[SIGNING_OUT] = state
    return url


def has_signed_out(state: str) -> bool:
    """Whether the provider sent the browser back after a sign-out that began in it; true once."""
    began = str(session.pop(SIGNING_OUT, ""))
    return bool(began) and hmac.compare_digest(began.encode(), state.encode())
