"""Connect a program: a page with what each program needs, and the requests that arrived from it."""

from dataclasses import asdict, dataclass

from flask import Response, jsonify, render_template
from markupsafe import Markup, escape
from pydantic import Field

from whisper_appliance.core.clock import written
from whisper_appliance.core.errors import NotFound
from whisper_appliance.core.schema import Schema
from whisper_appliance.pages import own_address
from whisper_appliance.pages.programs import PROGRAMS, WYOMING, Program, find_program
from whisper_appliance.web.auth.authentication import access_mode, current_actor
from whisper_appliance.web.auth.visitors import set_visitor_cookie
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import PAGES, SYSTEM, error_responses, page_response
from whisper_appliance.web.program_requests import connect_code, visible_requests

blueprint = LazyBlueprint("connect", __name__, abp_tags=[PAGES])

AUTHORITY_FILE = "/path/to/whisper-appliance-ca.crt"
TRUST_COMMANDS = {
    "python": f"export SSL_CERT_FILE={AUTHORITY_FILE}",
    "requests": f"export REQUESTS_CA_BUNDLE={AUTHORITY_FILE} SSL_CERT_FILE={AUTHORITY_FILE}",
    "node": f"export NODE_EXTRA_CA_CERTS={AUTHORITY_FILE}",
    "curl": f"export CURL_CA_BUNDLE={AUTHORITY_FILE}",
    "nextcloud": f"occ security:certificates:import {AUTHORITY_FILE}",
}
"""What makes a program trust the appliance's authority, by `Program.trust`."""
TRUSTS_NO_OTHER = ("python", "requests", "curl")
"""Where the command replaces the authorities that the program trusts."""
KEY_SPAN = Markup('<span data-slot="key">{}</span>')


class ProgramPath(Schema):
    """The address of the page of one program."""

    program: str = Field(description="Id of the program.", max_length=60)


class ProgramRequestResponse(Schema):
    """A request of a program."""

    protocol: str
    at: str
    client: str = Field(description="Its User-Agent; may be empty.")
    address: str = Field(description="Method and path.")
    model: str | None
    status: int = Field(description="HTTP status; 101: a connection.")
    code: str | None
    message: str | None


class ProgramRequestsResponse(Schema):
    """The latest requests of programs, the newest first."""

    requests: list[ProgramRequestResponse]


@dataclass(frozen=True, slots=True)
class FilledValue:
    """A field of a program's settings, with the address of this appliance."""

    name: str
    value: str


@blueprint.get("/connect", responses=page_response("The programs that can be connected."))
def connect_page() -> str:
    """Which programs can use this appliance."""
    set_visitor_cookie()
    served = {program.id for program in PROGRAMS if _is_served(program)}
    return render_template("connect.html", programs=PROGRAMS, served=served)


@blueprint.get("/connect/<program>", responses=page_response("What one program needs.", 404))
def connect_program_page(path: ProgramPath) -> str:
    """The address, the key and the certificate for one program, and whether its requests arrive."""
    set_visitor_cookie()
    program = find_program(path.program)
    if program is None:
        raise NotFound("There is no such program. The list of all is at /connect.")
    settings = appliance().settings
    key = "" if current_actor().user else connect_code()
    return render_template(
        "connect_program.html",
        program=program,
        values=[FilledValue(each.name, _filled(each.value)) for each in program.values],
        example=_example(program, key),
        any_key=key,
        open_to_network=access_mode() == "network",
        served=_is_served(program),
        switch="WYOMING_PORT" if program.protocol == WYOMING else "PROTOCOLS",
        origin_missing=program.origin and program.origin not in settings.cors_origins,
        authority=_has_authority(),
        trusts_no_other=program.trust in TRUSTS_NO_OTHER,
        trust_command=TRUST_COMMANDS.get(program.trust, ""),
    )


@blueprint.get(
    "/api/programs/requests",
    tags=[SYSTEM],
    responses={200: ProgramRequestsResponse, **error_responses(401)},
)
def list_program_requests() -> Response:
    """The latest requests of one's own programs, kept in memory for an hour.

    A program without a key is shown to its own address, and to admins.
    """
    requests = [{**asdict(each), "at": written(each.at)} for each in visible_requests()]
    return jsonify({"requests": requests})


def _filled(template: str, key: str = "{key}") -> str:
    """The text with the addresses by which this page was opened."""
    return template.format(
        origin=own_address.origin(),
        websocket=own_address.websocket_origin(),
        host=own_address.host_name(),
        wyoming_port=own_address.wyoming_port(),
        key=key,
    )


def _is_served(program: Program) -> bool:
    settings = appliance().settings
    if program.protocol == WYOMING:
        return settings.wyoming_port is not None
    return program.protocol in settings.protocols


def _example(program: Program, key: str) -> Markup:
    """The example, with a place that the page fills with a key."""
    parts = map(escape, _filled(program.example, key="\0").split("\0"))
    return KEY_SPAN.format(key or "wa_…").join(parts)


def _has_authority() -> bool:
    """Whether programs must trust the appliance's own certificate authority."""
    certificates = appliance().certificates
    return certificates is not None and certificates.info().kind == "generated"
