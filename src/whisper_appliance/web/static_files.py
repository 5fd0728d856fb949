"""Static files: scripts, styles and images under a versioned path, so that browsers may cache them forever.

WhiteNoise is not used, because it puts a hash into each file name. One version for all files keeps the
relative imports of ES modules valid.
"""

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Response, current_app, request, send_from_directory
from flask_openapi3.types import ResponseDict
from pydantic import Field

from whisper_appliance.core.schema import Schema
from whisper_appliance.web.lazy_openapi import LazyOpenAPI
from whisper_appliance.web.openapi import PAGES, error_responses
from whisper_appliance.web.page_assets import FOLDER, FRAME_SHEET, frame_sheet, page_script

YEAR_SECONDS = 31_536_000
COMPRESSIBLE = (".css", ".js", ".svg", ".txt")
"""Suffixes of files that are sent with gzip if the client accepts it."""


class StaticPath(Schema):
    """The address of one file of the pages."""

    version: str = Field(description="Names the state of all files; pages carry the right one.")
    filename: str = Field(description="Path of the file.", json_schema_extra={"example": "css/base.css"})


def install(app: LazyOpenAPI) -> None:
    """Registers the route, and adds the version to `url_for("static", filename=...)`.

    The version is a folder of the path, not a query, so that relative imports between modules keep it.
    """
    version = files_version(FOLDER)
    app.config["STATIC_VERSION"] = version
    answers: ResponseDict = {
        200: {"description": "The file.", "content": {"*/*": {}}},
        **error_responses(404),
    }
    app.get("/static/<version>/<path:filename>", endpoint="static", tags=[PAGES], responses=answers)(send)

    app.jinja_env.globals["page_script"] = page_script

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static":
            values.setdefault("version", version)


def send(path: StaticPath) -> Response:
    """One file of the pages; kept by browsers when its address names the present version."""
    response = (
        _compressed(path.filename) if path.filename.endswith(COMPRESSIBLE) else _uncompressed(path.filename)
    )
    if (
        path.version == current_app.config["STATIC_VERSION"]
        and not current_app.config["TEMPLATES_AUTO_RELOAD"]
    ):
        response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
    return response


def _uncompressed(filename: str, *, conditional: bool = True) -> Response:
    if filename != FRAME_SHEET:
        return send_from_directory(FOLDER, filename, conditional=conditional)
    response = Response(frame_sheet(), mimetype="text/css")
    response.add_etag()
    return response.make_conditional(request) if conditional else response  # type: ignore[return-value] # itself


def _compressed(filename: str) -> Response:
    """The file with gzip if the client accepts it; both forms have their own ETag."""
    if not request.accept_encodings["gzip"]:
        response = _uncompressed(filename)
    else:
        response = _uncompressed(filename, conditional=False)
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
    """Compresses at the highest level; the cache holds all files of the pages."""
    return gzip.compress(content, compresslevel=9, mtime=0)


def files_version(folder: Path) -> str:
    """A hash of the names, sizes and times of all files in a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            stat = path.stat()
            digest.update(f"{path.relative_to(folder)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:12]
