"""The pages as an app of a phone or desktop: its manifest, and the worker that takes what others share."""

from flask import Response, jsonify, request, url_for
from flask_openapi3.types import ResponseDict

from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import PAGES, error_responses, text_response
from whisper_appliance.web.page_assets import FOLDER

blueprint = LazyBlueprint("installed_app", __name__, abp_tags=[PAGES])

MANIFEST_RESPONSE: ResponseDict = {
    200: {
        "description": "The manifest.",
        "content": {"application/manifest+json": {"schema": {"type": "object"}}},
    },
}
SHARED_TYPES = ["audio/*", "video/*", "application/ogg"]


@blueprint.get(
    "/manifest.webmanifest",
    responses={**MANIFEST_RESPONSE, **error_responses()},
)
def get_manifest() -> Response:
    """The manifest of the app (W3C Web Application Manifest), with what may be shared with it."""
    root = f"{request.script_root}/"
    response = jsonify(
        {
            "name": "Whisper Appliance",
            "short_name": "Whisper",
            "id": root,
            "start_url": root,
            "scope": root,
            "display": "standalone",
            "background_color": "#f6f6f2",
            "theme_color": "#0e6b5b",
            "icons": [
                {
                    "src": url_for("static", filename="img/mark.svg"),
                    "type": "image/svg+xml",
                    "sizes": "any",
                    "purpose": "any",
                }
            ],
            "share_target": {
                "action": f"{root}share-target",
                "method": "POST",
                "enctype": "multipart/form-data",
                "params": {"files": [{"name": "files", "accept": SHARED_TYPES}]},
            },
        }
    )
    response.mimetype = "application/manifest+json"
    return response


@blueprint.get(
    "/share-worker.js", responses={200: text_response("The script.", "text/javascript"), **error_responses()}
)
def get_share_worker() -> Response:
    """The service worker of the app, which may only answer for addresses below its own."""
    return Response((FOLDER / "js/transcribe/share-worker.js").read_bytes(), mimetype="text/javascript")
