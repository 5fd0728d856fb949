"""The gate before everything of the panel, and how its routes are described."""

from flask_openapi3.types import ResponseDict

from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import ADMIN, error_responses, text_response

__all__ = ["ADMIN", "ADMIN_ERRORS", "admin_only", "admin_page"]

ADMIN_ERRORS = (401, 403)
"""What the gate may answer, beside what a route does."""


def admin_only(blueprint: LazyBlueprint) -> LazyBlueprint:
    """`blueprint`, with all of its routes for admins only."""
    blueprint.before_request(_only_admins)
    return blueprint


def _only_admins() -> None:
    require("administer")


def admin_page(description: str) -> ResponseDict:
    """The documentation of an answer that is a page of the panel."""
    return {200: text_response(description, "text/html"), **error_responses(*ADMIN_ERRORS)}
