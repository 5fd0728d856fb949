"""Signing in and out: the page, and the session as a resource."""

from collections.abc import Iterable

from flask import Response, jsonify, redirect, render_template, request
from pydantic import BaseModel, Field
from werkzeug import Response as AnyResponse

from whisper_appliance.accounts.access import Openness
from whisper_appliance.accounts.accounts import SignedIn
from whisper_appliance.accounts.identity import SCOPES, Role, User
from whisper_appliance.web.auth import authentication
from whisper_appliance.web.auth.safe_redirect import safe_next
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import Blueprint
from whisper_appliance.web.openapi import PAGES, SIGN_IN, failures, text

blueprint = Blueprint("sign_in", __name__, abp_tags=[SIGN_IN])


class UserAnswer(BaseModel):
    """A user, as they and admins see them."""

    id: str
    name: str
    role: Role


class SessionAnswer(BaseModel):
    """Who asks."""

    user: UserAnswer | None = Field(description="null: a visitor, or a program without a key.")
    openness: Openness = Field(description="Who may use the appliance.")
    scopes: list[str] = Field(description="What may be done, bounded by the scopes of a key.")


class SignInBody(BaseModel):
    """A name and its password."""

    name: str = Field(description="Name of the account; capitals do not matter.", max_length=200)
    password: str = Field(description="Its password.", max_length=1000)


class NextQuery(BaseModel):
    """Where to go after signing in."""

    next: str = Field("/", description="Path of a page of this appliance.")


PAGE = {
    200: text("The page.", "text/html"),
    302: {"description": "Signed in already: to the page that was wanted."},
    **failures(503),
}


@blueprint.get("/sign-in", tags=[PAGES], responses=PAGE)
def show(query: NextQuery) -> str | AnyResponse:
    """Where people sign in."""
    target = safe_next(query.next)
    if authentication.known().user is not None:
        return redirect(target)
    return render_template("sign_in.html", next=target, has_accounts=appliance().accounts.users.any())


@blueprint.get("/api/session", responses={200: SessionAnswer, **failures(401, 503)})
def read() -> Response:
    """Who asks: the user of the session or the key, or nobody."""
    return _told(authentication.actor().user, authentication.actor().scopes)


@blueprint.post("/api/session", responses={200: SessionAnswer, **failures(400, 401, 403, 429, 503)})
def begin(body: SignInBody) -> Response:
    """Signs in; the answer sets the cookie of the session. One that the browser had before ends."""
    before = authentication.known()
    begun = appliance().accounts.sign_in(body.name, body.password, address=address(), agent=agent())
    if before.session:
        appliance().accounts.sign_out(before)
    return welcome(begun)


@blueprint.delete("/api/session", responses={204: None, **failures(401, 403, 503)})
def end() -> Response:
    """Signs out."""
    appliance().accounts.sign_out(authentication.actor())
    return authentication.take_cookie(Response(status=204))


def welcome(begun: SignedIn) -> Response:
    """The answer to whoever has just signed in."""
    return authentication.hand_cookie(_told(begun.user), begun.token)


def address() -> str:
    """Whence the request comes; a proxy's word is taken only where it is trusted (`ProxyFix`)."""
    return request.remote_addr or ""


def agent() -> str:
    """What the browser calls itself."""
    return request.headers.get("User-Agent", "")


def _told(user: User | None, scopes: Iterable[str] = SCOPES) -> Response:
    answer = SessionAnswer(
        user=UserAnswer(id=user.id, name=user.name, role=user.role) if user else None,
        openness=authentication.openness(),
        scopes=sorted(scopes),
    )
    return jsonify(answer.model_dump())
