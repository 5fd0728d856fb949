"""OpenAI's error envelope, and the headers by which its clients decide whether to try again."""

from flask import Response, jsonify, make_response

from whisper_appliance.web.http_api import Failure

STATUS_OF_CODE = {"unsupported_media": 400, "quota_reached": 429, "storage_quota_reached": 429}
QUOTA_CODES = ("quota_reached", "storage_quota_reached")
TYPE_OF_STATUS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
UNREADABLE = ("undecodable", "no_audio", "audio_too_long", "decoder_limit")
RETRY_HELPS = (408, 429, 500, 502, 503, 504)


def error_response(failure: Failure) -> Response:
    """The envelope `{"error": {message, type, param, code}}` with the status of OpenAI's API."""
    status = 400 if failure.code in UNREADABLE else STATUS_OF_CODE.get(failure.code, failure.status)
    response = make_response(jsonify(envelope(failure, status)), status)
    is_permanent = failure.code in QUOTA_CODES or failure.field == "model"  # an admin has to download it
    retry = status in RETRY_HELPS and not is_permanent
    response.headers["x-should-retry"] = str(retry).lower()
    return response


def envelope(failure: Failure, status: int) -> dict[str, dict[str, str | None]]:
    """The JSON of an error."""
    kind = "insufficient_quota" if failure.code in QUOTA_CODES else _type_of(status)
    code = _CODES.get((status, failure.field), failure.code)
    return {"error": {"message": failure.message, "type": kind, "param": failure.field, "code": code}}


_CODES = {(404, "model"): "model_not_found", (401, None): "invalid_api_key"}
"""Codes of OpenAI that clients compare; all others are the appliance's."""


def _type_of(status: int) -> str:
    return TYPE_OF_STATUS.get(status, "invalid_request_error" if status < 500 else "server_error")
