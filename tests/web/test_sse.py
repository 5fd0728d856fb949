"""Event streams end when the right to read them has ended."""

import itertools
import json

from flask_openapi3 import OpenAPI

from tests.support.client import send, signed_in
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.api.openai.transcript_stream import error_of_rights
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.web import sse
from whisper_appliance.web.auth import resources


def test_a_stream_ends_soon_after_the_account_was_disabled(app: OpenAPI, appliance: Appliance) -> None:
    client = signed_in(app)
    job_id = send(client).json["id"]
    cookie = client.get_cookie("session")
    assert cookie
    clock = itertools.count(step=sse.RECHECK_SECONDS / 2)
    with app.test_request_context(headers={"Cookie": f"session={cookie.value}"}):
        frames = sse.while_authorized(
            iter(lambda: "frame", None),
            lambda: resources.authorized_job(job_id, "read"),
            lambda: next(clock),
            error_of_rights,
        )
        assert list(itertools.islice(frames, 6)) == ["frame"] * 6
        appliance.accounts.users.disable(client.user.id, by=SHELL)
        *others, last = itertools.islice(frames, 10)
    assert len(others) < 4
    event, end, _ = last.split("\n\n")
    error = json.loads(event.removeprefix("data: "))["error"]
    assert (error["type"], error["code"], end) == ("authentication_error", "invalid_api_key", "data: [DONE]")
    assert error["message"].endswith(".")
