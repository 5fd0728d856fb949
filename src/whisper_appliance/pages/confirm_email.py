"""The page of the link that confirms an e-mail address. It needs no account, but the token of the link."""

from flask import render_template
from pydantic import Field

from whisper_appliance.core.schema import Schema
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import ACCOUNT, PAGES, error_responses, page_response

blueprint = LazyBlueprint("confirm_email", __name__, abp_tags=[ACCOUNT])


class ConfirmEmailPath(Schema):
    """The address of a link."""

    token: str = Field(description="Token of the link.", max_length=100)


class ConfirmEmailBody(Schema):
    """Which address is confirmed."""

    token: str = Field(description="Token of the link.", max_length=100)


@blueprint.get(
    "/confirm-email/<token>",
    tags=[PAGES],
    responses={**page_response("Asks whether e-mail may come to an address."), **error_responses(404, 503)},
    operation_id="confirm_email_show_confirm_email__token__get",
)
def confirm_email_page(path: ConfirmEmailPath) -> str:
    """Asks first, because programs that check mails open every link."""
    address = appliance().webhooks.confirmations.address_of(path.token)
    return render_template("confirm_email.html", token=path.token, address=address)


@blueprint.post(
    "/api/confirm-email",
    responses={204: None, **error_responses(400, 403, 404, 429, 503, 507)},
    operation_id="confirm_email_confirm_api_confirm_email_post",
)
def confirm_email(body: ConfirmEmailBody) -> tuple[str, int]:
    """Confirms an e-mail address; the link is used up."""
    webhook_id = appliance().webhooks.confirmations.confirm(body.token)
    record("webhook.confirm", webhook_id)
    return "", 204


@blueprint.get(
    "/email-confirmed",
    tags=[PAGES],
    responses={**page_response("An address was confirmed."), **error_responses(503)},
    operation_id="confirm_email_done_email_confirmed_get",
)
def email_confirmed_page() -> str:
    """Where the page of the link leads to."""
    return render_template("email_confirmed.html")
