"""The admin panel as a whole: its places, and the gate before each of them."""

from flask_openapi3 import APIBlueprint, Tag

from whisper_appliance.web.who import require

ADMIN = Tag(name="Administration", description="For those who run the appliance.")

PLACES: tuple[tuple[str, str], ...] = ()
"""The pages of the panel in the order of its menu: address below `/admin` and name."""

BLUEPRINTS: tuple[APIBlueprint, ...] = ()


def gated(blueprint: APIBlueprint) -> APIBlueprint:
    """`blueprint`, with all of its routes for admins only."""
    blueprint.before_request(_only_admins)
    return blueprint


def _only_admins() -> None:
    require("administer")
