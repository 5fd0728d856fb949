"""Responses to HTTP requests that gunicorn cannot parse: the usual error body, without the application."""

import json
from http import HTTPStatus

from gunicorn.http import errors
from gunicorn.http.errors import ParseException

from whisper_appliance.web.response_format import SECURITY_HEADERS, error_body

PARSE_ERRORS = ParseException
RESPONSE_ERRORS = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)
"""gunicorn raises these for our own responses: they are logged and never become a 400."""
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
        "The only supported expectation is 100-continue.",
    ),
}
DEFAULT = (HTTPStatus.BAD_REQUEST, "invalid_request", "This is not a valid HTTP request.")


def is_bad_request(error: Exception) -> bool:
    """True if the client's request caused the error."""
    return isinstance(error, PARSE_ERRORS) and not isinstance(error, RESPONSE_ERRORS)


def raw_response(error: ParseException) -> bytes:
    """The bytes of the response. They contain nothing of the request."""
    status, code, message = STATUS.get(type(error), DEFAULT)
    body = json.dumps(error_body(code, message)).encode()
    head = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Connection: close",
        *(f"{name}: {value}" for name, value in SECURITY_HEADERS.items()),
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body
