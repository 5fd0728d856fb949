"""The first start: whoever can read the appliance's console makes the owner's account."""

from flask import Response, render_template
from pydantic import BaseModel, Field

from whisper_appliance.accounts.access import Openness
from whisper_appliance.core.errors import NotFound
from whisper_appliance.pages.sign_in import SessionAnswer, address, agent, welcome
from whisper_appliance.web.auth.visitors import owner
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import Blueprint
from whisper_appliance.web.openapi import PAGES, SIGN_IN, failures, page

blueprint = Blueprint("setup", __name__, abp_tags=[SIGN_IN])
DONE = "This appliance is set up already. Its owner can invite you."


class TokenQuery(BaseModel):
    """What the address on the console carries."""

    token: str = Field("", description="The token of the first start.", max_length=100)


class SetupBody(BaseModel):
    """The owner's account, and who may use the appliance."""

    token: str = Field(description="The token of the first start.", max_length=100)
    name: str = Field(description="Name of the owner's account.", max_length=200)
    password: str = Field(description="Its password, of 12 characters or more.", max_length=1000)
    openness: Openness = Field(
        "network", description="Anyone on this network, or only people with an account."
    )


@blueprint.get("/setup", tags=[PAGES], responses={**page("The first start."), **failures(404, 503)})
def show(query: TokenQuery) -> str:
    """Where the owner's account is made, once."""
    if appliance().accounts.users.any():
        raise NotFound(DONE)
    return render_template("setup.html", token=query.token, problem=_problem(query.token))


@blueprint.post("/api/setup", responses={200: SessionAnswer, **failures(400, 403, 404, 409, 429, 503, 507)})
def finish(body: SetupBody) -> Response:
    """Makes the owner's account and signs it in; what this browser made until now becomes the owner's."""
    accounts = appliance().accounts
    user = accounts.set_up(body.token, body.name, body.password, body.openness, visitor=owner())
    return welcome(accounts.begin_session(user, address=address(), agent=agent()))


def _problem(token: str) -> str:
    """What is wrong with the token of the address, if there is one."""
    try:
        if token:
            appliance().accounts.setup.check(token)
    except NotFound as error:
        return error.message
    return ""
