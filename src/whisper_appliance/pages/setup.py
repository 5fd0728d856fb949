"""First-run setup: creates the owner's account with the token that the console shows."""

from flask import Response, g, render_template
from pydantic import Field

from whisper_appliance.accounts.access import AccessMode
from whisper_appliance.core.errors import NotFound
from whisper_appliance.core.schema import Schema
from whisper_appliance.pages.sign_in import SessionResponse, client_address, signed_in_response, user_agent
from whisper_appliance.web.auth.visitors import visitor_id
from whisper_appliance.web.context import appliance
from whisper_appliance.web.i18n import LANGUAGES
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import PAGES, SIGN_IN, error_responses, page_response

blueprint = LazyBlueprint("setup", __name__, abp_tags=[SIGN_IN])
DONE = "This appliance is already set up. Its owner can invite you."


class TokenQuery(Schema):
    """What the address on the console carries."""

    token: str = Field("", description="The token of the first start.", max_length=100)


class SetupQuery(TokenQuery):
    """The address, and the language of the page."""

    language: str = Field("", description="Code of a language; empty follows the browser.", max_length=8)


class SetupBody(Schema):
    """The owner's account, and who may use the appliance."""

    token: str = Field(description="The token of the first start.", max_length=100)
    name: str = Field(description="Name of the owner's account.", max_length=200)
    password: str = Field(description="Its password, of 12 characters or more.", max_length=1000)
    openness: AccessMode = Field(
        "network", description="Anyone on this network, or only people with an account."
    )
    language: str | None = Field(
        None, description="Code of the language of the owner's pages; null follows the browser.", max_length=8
    )


@blueprint.get(
    "/setup",
    tags=[PAGES],
    responses={**page_response("The first start."), **error_responses(404, 503)},
    operation_id="setup_show_setup_get",
)
def setup_page(query: SetupQuery) -> str:
    """Where the owner's account is made, once."""
    if appliance().accounts.users.exist():
        raise NotFound(DONE)
    g.chosen_locale = query.language
    return render_template("setup.html", token=query.token, problem=_problem(query.token))


@blueprint.post(
    "/api/setup",
    responses={200: SessionResponse, **error_responses(400, 403, 404, 409, 429, 503, 507)},
    operation_id="setup_finish_api_setup_post",
)
def complete_setup(body: SetupBody) -> Response:
    """Makes the owner's account and signs it in; what this browser made until now becomes the owner's."""
    accounts = appliance().accounts
    user = accounts.set_up(body.token, body.name, body.password, body.openness, visitor=visitor_id())
    if body.language in LANGUAGES:
        accounts.users.set_language(user.id, body.language)
    return signed_in_response(accounts.begin_session(user, address=client_address(), agent=user_agent()))


def _problem(token: str) -> str:
    """Why the token of the URL is not valid; "" if it is, or if there is none."""
    try:
        if token:
            appliance().accounts.setup.check(token)
    except NotFound as error:
        return error.message
    return ""
