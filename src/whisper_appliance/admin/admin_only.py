"""Access to the admin panel: admins only. Also the OpenAPI parts that its routes share."""

from flask_openapi3.types import ResponseDict

from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import ADMIN, error_responses, text_response

__all__ = ["ADMIN", "ADMIN_ERRORS", "admin_only", "admin_page"]

ADMIN_ERRORS = (401, 403)
"""The statuses that the access check adds to those of a route."""


def admin_only(blueprint: LazyBlueprint) -> LazyBlueprint:
    """Restricts all routes of `blueprint` to admins."""
    blueprint.before_request(require_admin)
    return blueprint


def require_admin() -> None:
    """Raises `SignInRequired` or `NotAllowed` unless the actor is an admin."""
    require("administer")


def admin_page(description: str) -> ResponseDict:
    """The documentation of a page of the panel."""
    return {200: text_response(description, "text/html"), **error_responses(*ADMIN_ERRORS)}
