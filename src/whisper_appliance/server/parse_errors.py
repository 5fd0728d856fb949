"""What the server itself answers, in the one error shape: to requests that no application gets to see."""

import json
from http import HTTPStatus

from gunicorn.http import errors
from gunicorn.http.errors import ParseException

from whisper_appliance.web.response_format import SECURITY_HEADERS

PARSE_ERRORS = ParseException
RESPONSE_ERRORS = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)
"""Among the faults, but made by an answer."""
STATUS: dict[type[Exception], tuple[HTTPStatus, str, str]] = {
    errors.LimitRequestLine: (
        HTTPStatus.REQUEST_URI_TOO_LONG,
        "too_large",
        "The address of this request is too long.",
    ),
    errors.LimitRequestHeaders: (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "too_large",
        "This request has too many headers, or too long ones.",
    ),
    errors.UnsupportedTransferCoding: (
        HTTPStatus.NOT_IMPLEMENTED,
        "invalid_request",
        "Send the body with a Content-Length or in chunks.",
    ),
    errors.ExpectationFailed: (
        HTTPStatus.EXPECTATION_FAILED,
        "invalid_request",
        "Of expectations, only 100-continue is known here.",
    ),
}
OTHERWISE = (HTTPStatus.BAD_REQUEST, "invalid_request", "This is no HTTP request that could be read.")


def raw_response(error: ParseException) -> bytes:
    """The whole answer to a request that cannot be read; nothing of the request is in it."""
    status, code, message = STATUS.get(type(error), OTHERWISE)
    said = {"error": {"code": code, "message": message, "field": None, "request_id": ""}}
    body = json.dumps(said).encode()
    head = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Connection: close",
        *(f"{name}: {value}" for name, value in SECURITY_HEADERS.items()),
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body
