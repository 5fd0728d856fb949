"""Scripts, styles and pictures, under addresses that change with them, so that browsers may keep them."""

import hashlib
from pathlib import Path
from typing import Any

from flask import Response, current_app, send_from_directory
from flask_openapi3 import OpenAPI
from flask_openapi3.types import ResponseDict
from pydantic import BaseModel, Field

from whisper_appliance.web.openapi import PAGES, failures

FOLDER = Path(__file__).parent / "static"
YEAR_SECONDS = 31_536_000


class StaticPath(BaseModel):
    """The address of one file of the pages."""

    version: str = Field(description="Names the state of all files; pages carry the right one.")
    filename: str = Field(description="Path of the file.", json_schema_extra={"example": "css/base.css"})


def install(app: OpenAPI) -> None:
    """Lets templates write `url_for("static", filename=...)` and get an address with the version in it.

    The version is a folder of the address, not a query, so that modules which import each other by relative
    paths carry it along.
    """
    version = files_version(FOLDER)
    app.config["STATIC_VERSION"] = version
    answers: ResponseDict = {200: {"description": "The file.", "content": {"*/*": {}}}, **failures(404)}
    app.get("/static/<version>/<path:filename>", endpoint="static", tags=[PAGES], responses=answers)(send)

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static":
            values.setdefault("version", version)


def send(path: StaticPath) -> Response:
    """One file of the pages; kept by browsers when its address names the present version."""
    response = send_from_directory(FOLDER, path.filename)
    if (
        path.version == current_app.config["STATIC_VERSION"]
        and not current_app.config["TEMPLATES_AUTO_RELOAD"]
    ):
        response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
    return response


def files_version(folder: Path) -> str:
    """A short name for the present state of all files of a folder."""
    state = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            facts = path.stat()
            state.update(f"{path.relative_to(folder)} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return state.hexdigest()[:12]
