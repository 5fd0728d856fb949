"""Notes the requests of other programs, and finds those that a person may see.

A program with a key is its user. One without is named by the code that the page "Connect a program" puts into
its key, else by its address; those without a code are shown to the same address and to admins.
"""

import hashlib
import hmac
from dataclasses import dataclass

from flask import Response, current_app, g, request

from whisper_appliance.accounts.access import APPLIANCE, is_allowed
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.program_requests import ProgramRequest
from whisper_appliance.core.clock import now
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.core.i18n import N_
from whisper_appliance.web.auth.authentication import (
    KEY_SCHEMES,
    access_mode,
    current_actor,
    current_actor_or_anonymous,
)
from whisper_appliance.web.context import appliance
from whisper_appliance.web.i18n import translate, translate_error

CODE_PREFIX = "connect-"
CODE_LENGTH = 20
MAX_ORIGIN_LENGTH = 100
FOREIGN = N_("Pages of {origin} may not use this API. An administrator can add it to CORS_ORIGINS.")
ADDRESS = "address "
OWNER = "owner "
CODE = "code "


@dataclass(frozen=True, slots=True)
class NotedRequest:
    """Where the current request is kept."""

    sender: str
    number: int

    def update(self, appliance: Appliance, code: str, message: str) -> None:
        """Adds the error with which it ended."""
        appliance.program_requests.update(self.sender, self.number, code, message)


def note_request(response: Response) -> Response:
    """A hook: keeps the request, if it is one of another program."""
    protocol = g.get("served_protocol")
    refused_origin = _refused_origin()
    if protocol is None or (request.method == "OPTIONS" and not refused_origin):
        return response
    if refused_origin:
        g.error_code, g.error_message = "origin_not_allowed", translate(FOREIGN, origin=refused_origin)
    sender = _sender()
    noted = ProgramRequest(
        protocol=protocol,
        at=now(),
        client=request.user_agent.string,
        address=f"{request.method} {request.path[:80]}",
        status=response.status_code,
        model=g.get("transcription_model"),
        code=g.get("error_code"),
        message=g.get("error_message"),
    )
    g.noted_request = NotedRequest(sender, appliance().program_requests.record(sender, noted))
    return response


def _refused_origin() -> str:
    """The origin of a preflight that CORS_ORIGINS does not have: the request itself never comes."""
    origin = request.headers.get("Origin", "")[:MAX_ORIGIN_LENGTH]
    if request.method != "OPTIONS" or origin.lower() in current_app.config["ALLOWED_ORIGINS"]:
        return ""
    return origin


def note_error(error: ApplianceError) -> None:
    """Adds the error that ended the connection of the current request."""
    appliance().metrics.count_limit(error)
    note_failure(error.code, translate_error(error))


def note_failure(code: str, message: str) -> None:
    """Adds the error with which the current request ended after its response had begun."""
    if noted := g.get("noted_request"):
        noted.update(appliance(), code, message)


def note_connection(appliance: Appliance, protocol: str, user: str, address: str) -> NotedRequest:
    """Keeps a connection outside of any request: of the user with this id, else of its address."""
    sender = OWNER + user if user else ADDRESS + address
    noted = ProgramRequest(protocol, now(), client="", address=f"TCP, {address}", status=101)
    return NotedRequest(sender, appliance.program_requests.record(sender, noted))


def connect_code() -> str:
    """The key with which a program without account is recognised as the actor's; no secret, and no right."""
    owner = current_actor().owner
    digest = hmac.digest(appliance().secret_key.encode(), f"connect {owner}".encode(), hashlib.sha256)
    return CODE_PREFIX + digest.hex()[:CODE_LENGTH]


def visible_requests() -> list[ProgramRequest]:
    """The latest requests that the actor may see, the newest first."""
    actor = current_actor()
    senders = {ADDRESS + (request.remote_addr or "")}
    if actor.owner:
        senders |= {OWNER + actor.owner, CODE + connect_code()}
    is_admin = is_allowed(actor, "administer", APPLIANCE, access_mode=access_mode())
    return appliance().program_requests.latest(senders, prefix=ADDRESS if is_admin else None)


def _sender() -> str:
    if owner := current_actor_or_anonymous().owner:
        return OWNER + owner
    key = request.authorization.token if request.authorization else None
    if key and request.authorization and request.authorization.type in KEY_SCHEMES:
        code = key.strip()
        if code.startswith(CODE_PREFIX) and len(code) == len(CODE_PREFIX) + CODE_LENGTH:
            return CODE + code
    return ADDRESS + (request.remote_addr or "")
