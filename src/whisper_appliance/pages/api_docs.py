"""The API documentation: HTTP at /docs, sockets at /docs/sockets and /docs/live, and both documents."""

import re
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

from flask import Response, current_app, jsonify, render_template, request, send_from_directory
from markupsafe import Markup
from pydantic import Field

from whisper_appliance.core.schema import Schema
from whisper_appliance.pages.own_address import websocket_origin, wyoming_address
from whisper_appliance.web import asyncapi, openapi
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import PAGES, SYSTEM, error_responses

SWAGGER_FOLDER = Path(__file__).parent / "swagger"
OWN_ASSETS = {"start.js", "api.css"}
LIVE_PROTOCOL = (SWAGGER_FOLDER / "live.md", Path(__file__).parents[3] / "docs/live.md")
"""Its place in an installed package, and in a source tree."""
DAY_SECONDS = 86_400

blueprint = LazyBlueprint("docs", __name__, template_folder="swagger", abp_tags=[PAGES])


class AssetPath(Schema):
    """The address of one file of Swagger UI."""

    filename: str = Field(description="Name of the file.", json_schema_extra={"example": "swagger-ui.css"})


@blueprint.get(
    "/docs",
    responses=openapi.page_response("The API, to read and to try."),
    operation_id="docs_show_docs_get",
)
def api_docs_page() -> str:
    """The API, to read and to try."""
    return render_template("swagger.html")


@blueprint.get(
    "/docs/live",
    responses=openapi.page_response("Live speech over Socket.IO: every event and field."),
    operation_id="docs_show_live_docs_live_get",
)
def live_protocol_page() -> str:
    """Live speech over Socket.IO: every event and field."""
    return render_template("live_protocol.html", page=Markup(_live_protocol()))  # noqa: S704 - a file of this package


@blueprint.get("/docs/sockets", responses=openapi.page_response("The messages of every WebSocket."))
def sockets_page() -> str:
    """The messages of every WebSocket, to read."""
    return render_template(
        "sockets.html",
        channels=asyncapi.socket_channels(),
        websocket=websocket_origin(),
        wyoming=wyoming_address(),
    )


@blueprint.get(
    "/docs/<path:filename>",
    responses={200: {"description": "The file.", "content": {"*/*": {}}}, **error_responses(404)},
    operation_id="docs_asset_docs__path_filename__get",
)
def get_asset(path: AssetPath) -> Response:
    """One file of Swagger UI."""
    folder = SWAGGER_FOLDER if path.filename in OWN_ASSETS else swagger_ui_folder()
    return send_from_directory(folder, path.filename, max_age=DAY_SECONDS)


@blueprint.get(
    "/openapi.json",
    tags=[SYSTEM],
    responses={
        200: {"description": "OpenAPI 3.1.", "content": {"application/json": {}}},
        **error_responses(),
    },
    operation_id="docs_document_openapi_json_get",
)
def get_openapi_document() -> Response:
    """This document: OpenAPI 3.1, made from the code."""
    document = {**current_app.api_doc, "security": list(openapi.SECURITY)}  # type: ignore[attr-defined] # the app is a LazyOpenAPI
    if request.script_root:
        document["servers"] = [{"url": request.script_root}]
    return jsonify(document)


@blueprint.get(
    "/asyncapi.json",
    tags=[SYSTEM],
    responses={
        200: {"description": "AsyncAPI 3.0.", "content": {"application/json": {}}},
        **error_responses(),
    },
)
def get_asyncapi_document() -> Response:
    """The messages of every WebSocket: AsyncAPI 3.0, made from the code."""
    return jsonify(
        asyncapi.asyncapi_document(
            request.host, request.script_root, secure=request.is_secure, wyoming=wyoming_address()
        )
    )


@cache
def _live_protocol() -> str:
    """docs/live.md as HTML, with an anchor for each heading."""
    from markdown_it import MarkdownIt  # imported here, because it is for one rarely opened page

    text = next(path for path in LIVE_PROTOCOL if path.is_file()).read_text(encoding="utf-8")
    markdown = MarkdownIt("commonmark").enable("table")
    tokens = markdown.parse(text)
    for heading, title in pairwise(tokens):
        if heading.type == "heading_open":
            heading.attrSet("id", re.sub(r"[^\w\- ]", "", title.content.lower()).replace(" ", "-"))
    page = str(markdown.renderer.render(tokens, markdown.options, {}))
    return re.sub("<(pre|table)>", r'<\1 tabindex="0">', page)  # both may scroll, also by keyboard


def swagger_ui_folder() -> Path:
    """The folder of Swagger UI's files in the installed package."""
    spec = find_spec("flask_swagger_ui")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("flask-swagger-ui is not installed")
    return Path(spec.origin).parent / "dist"
