"""Scripts, styles and pictures, under addresses that change with them, so that browsers may keep them."""

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Response, current_app, request, send_from_directory
from flask_openapi3.types import ResponseDict
from pydantic import BaseModel, Field

from whisper_appliance.web.lazy_openapi import LazyOpenAPI
from whisper_appliance.web.openapi import PAGES, error_responses

FOLDER = Path(__file__).parent.parent / "pages/static"
YEAR_SECONDS = 31_536_000
SHRINKS = (".css", ".js", ".svg", ".txt")
"""Endings of files that are sent compressed to those who take it."""


class StaticPath(BaseModel):
    """The address of one file of the pages."""

    version: str = Field(description="Names the state of all files; pages carry the right one.")
    filename: str = Field(description="Path of the file.", json_schema_extra={"example": "css/base.css"})


def install(app: LazyOpenAPI) -> None:
    """Lets templates write `url_for("static", filename=...)` and get an address with the version in it.

    The version is a folder of the address, not a query, so that modules which import each other by relative
    paths carry it along.
    """
    version = files_version(FOLDER)
    app.config["STATIC_VERSION"] = version
    answers: ResponseDict = {
        200: {"description": "The file.", "content": {"*/*": {}}},
        **error_responses(404),
    }
    app.get("/static/<version>/<path:filename>", endpoint="static", tags=[PAGES], responses=answers)(send)

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static":
            values.setdefault("version", version)


def send(path: StaticPath) -> Response:
    """One file of the pages; kept by browsers when its address names the present version."""
    response = _compressed(path.filename) if path.filename.endswith(SHRINKS) else _as_it_is(path.filename)
    if (
        path.version == current_app.config["STATIC_VERSION"]
        and not current_app.config["TEMPLATES_AUTO_RELOAD"]
    ):
        response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
    return response


def _as_it_is(filename: str) -> Response:
    return send_from_directory(FOLDER, filename)


def _compressed(filename: str) -> Response:
    """The file, compressed where the browser takes that; each form has an ETag of its own."""
    if not request.accept_encodings["gzip"]:
        response = _as_it_is(filename)
    else:
        response = send_from_directory(FOLDER, filename, conditional=False)
        tag, _weak = response.get_etag()
        response.direct_passthrough = False
        response.set_data(_gzip(response.get_data()))
        response.content_encoding = "gzip"
        response.set_etag(f"{tag}-gzip")
        response.make_conditional(request)
    response.vary.add("Accept-Encoding")
    return response


@lru_cache(maxsize=128)
def _gzip(content: bytes) -> bytes:
    """Compressed as far as it goes; the pages have some fifty files."""
    return gzip.compress(content, compresslevel=9, mtime=0)


def files_version(folder: Path) -> str:
    """A short name for the present state of all files of a folder."""
    state = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            facts = path.stat()
            state.update(f"{path.relative_to(folder)} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return state.hexdigest()[:12]
