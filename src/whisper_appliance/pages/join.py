"""Invitations, as those see them who were invited."""

from flask import Response, render_template
from pydantic import BaseModel, Field

from whisper_appliance.pages.sign_in import SessionAnswer, address, agent, welcome
from whisper_appliance.web.auth import authentication
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import Blueprint
from whisper_appliance.web.openapi import PAGES, SIGN_IN, failures, page

blueprint = Blueprint("join", __name__, abp_tags=[SIGN_IN])


class JoinPath(BaseModel):
    """The address of an invitation."""

    token: str = Field(description="Token of the invitation.", max_length=100)


class JoinBody(BaseModel):
    """The new account."""

    token: str = Field(description="Token of the invitation.", max_length=100)
    name: str = Field(description="Name of the account.", max_length=200)
    password: str = Field(description="Its password, of 12 characters or more.", max_length=1000)


@blueprint.get("/join/<token>", tags=[PAGES], responses={**page("An invitation."), **failures(404, 503)})
def show(path: JoinPath) -> str:
    """Where somebody who was invited makes their account."""
    invitation = appliance().accounts.invitations.look(path.token)
    return render_template("join.html", token=path.token, invitation=invitation)


@blueprint.post("/api/join", responses={200: SessionAnswer, **failures(400, 403, 404, 409, 429, 503, 507)})
def accept(body: JoinBody) -> Response:
    """Makes the account of an invitation, which is used up, and signs it in."""
    accounts, before = appliance().accounts, authentication.known()
    user = accounts.invitations.accept(body.token, body.name, body.password)
    begun = accounts.begin_session(user, address=address(), agent=agent())
    if before.session:
        accounts.sign_out(before)
    return welcome(begun)
