"""The webhooks of a user: list, create, test and delete, with their last deliveries."""

from dataclasses import asdict
from typing import Any, Literal

from flask import Response, jsonify
from pydantic import Field

from whisper_appliance.api.native.account import SIGNED_IN_ERRORS, IdPath, signed_in_user
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.schema import Schema
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import ACCOUNT, error_responses
from whisper_appliance.web.schemas.transcript import UtcTime
from whisper_appliance.webhooks.mail import MAILTO
from whisper_appliance.webhooks.target import MAX_URL_CHARS
from whisper_appliance.webhooks.webhook import Delivery, Webhook

blueprint = LazyBlueprint("webhooks", __name__, url_prefix="/api/account/webhooks", abp_tags=[ACCOUNT])


class WebhookBody(Schema):
    """A new webhook."""

    url: str = Field(
        description="Address for messages, https://… or mailto:…",
        max_length=MAX_URL_CHARS,
        examples=["https://server.invalid/whisper"],
    )


class DeliveryResponse(Schema):
    """One message and its attempts."""

    id: str = Field(description="`webhook-id` of the message; the same for each attempt.")
    event: Literal["job.done", "job.failed", "test", "confirm"]
    status: Literal["waiting", "delivered", "failed"]
    attempts: int
    created: str = UtcTime
    next_at: str | None = Field(None, description="When the next attempt follows.")
    status_code: int | None = Field(None, description="Of the last response.")
    error: str | None = Field(
        None,
        description="Why there was no response: `timeout`, `unreachable`, `unknown_host`, `untrusted`, "
        "`refused_address`, `too_many_redirects`, `not_configured`.",
    )
    finished: str | None = None


class WebhookResponse(Schema):
    """A webhook, with its last deliveries, newest first."""

    id: str
    url: str
    created: str = UtcTime
    disabled_at: str | None = Field(
        None, description="When its server answered 410: nothing is sent until a test."
    )
    confirmed_at: str | None = Field(
        None, description="Of an e-mail address: when its link was used; null: it gets nothing but the link."
    )
    deliveries: list[DeliveryResponse]


class NewWebhookResponse(WebhookResponse):
    """A new webhook with its secret, which is in no other answer."""

    secret: str = Field(description="Signs each message (Standard Webhooks).")


class WebhookList(Schema):
    """The webhooks of a user, newest first."""

    webhooks: list[WebhookResponse]


@blueprint.get("", responses={200: WebhookList, **error_responses(*SIGNED_IN_ERRORS, 503)})
def list_webhooks() -> Response:
    """The user's webhooks with their last deliveries."""
    _, user = signed_in_user()
    found = appliance().webhooks.list_webhooks(user.id)
    deliveries = appliance().webhooks.deliveries([webhook.id for webhook in found])
    return jsonify({"webhooks": [_webhook_json(webhook, deliveries[webhook.id]) for webhook in found]})


@blueprint.post("", responses={201: NewWebhookResponse, **error_responses(400, 401, 403, 409, 429, 503, 507)})
def create_webhook(body: WebhookBody) -> tuple[Response, int]:
    """Makes a webhook for jobs that are done or have failed. Its secret is in this answer only.

    E-mail, to mailto:…, is sent for jobs that take longer than three minutes, once the address is confirmed:
    a link is sent to it at once.
    """
    actor, user = signed_in_user()
    if body.url.startswith(MAILTO) and appliance().settings.smtp_url is None:
        raise InvalidRequest(
            "This appliance sends no e-mail. An administrator can set SMTP_URL.", field="url"
        )
    webhook, secret = appliance().webhooks.create(
        user.id, body.url, private_allowed=appliance().settings.webhook_private_addresses, by=actor
    )
    appliance().webhook_dispatcher.wake()
    return jsonify({**_webhook_json(webhook, ()), "secret": secret}), 201


@blueprint.post("/<hex32:id>/test", responses={202: None, **error_responses(401, 403, 404, 409, 503, 507)})
def send_test_message(path: IdPath) -> tuple[str, int]:
    """Sends a test message at once; the list shows what came of it."""
    _, user = signed_in_user()
    appliance().webhooks.enqueue_test(appliance().webhooks.get(path.id, user.id).id)
    appliance().webhook_dispatcher.wake()
    return "", 202


@blueprint.post(
    "/<hex32:id>/confirmation", responses={202: None, **error_responses(401, 403, 404, 409, 429, 503, 507)}
)
def send_confirmation(path: IdPath) -> tuple[str, int]:
    """Sends the link to an e-mail address again; the one before is not valid any more."""
    _, user = signed_in_user()
    appliance().webhooks.enqueue_confirmation(appliance().webhooks.get(path.id, user.id).id)
    appliance().webhook_dispatcher.wake()
    return "", 202


@blueprint.delete("/<hex32:id>", responses={204: None, **error_responses(401, 403, 404, 503, 507)})
def delete_webhook(path: IdPath) -> tuple[str, int]:
    """Deletes a webhook with its deliveries; what waits is not sent."""
    actor, user = signed_in_user()
    appliance().webhooks.delete(path.id, user.id, by=actor)
    return "", 204


def _webhook_json(webhook: Webhook, deliveries: tuple[Delivery, ...]) -> dict[str, Any]:
    shown = [DeliveryResponse(**asdict(each)).model_dump() for each in deliveries]
    values = {
        name: getattr(webhook, name) for name in ("id", "url", "created", "disabled_at", "confirmed_at")
    }
    return {**values, "deliveries": shown}
