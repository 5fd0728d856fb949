"""Error handlers: map an exception to its HTTP status and to the JSON error body, or to a page for people."""

import math
from collections.abc import Callable

import structlog
from flask import (
    Flask,
    Response,
    g,
    has_request_context,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from gunicorn.http.errors import ParseException
from pydantic import ValidationError
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestTimeout

from whisper_appliance.core import descriptors, errors
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.validation import problem_of
from whisper_appliance.web import http_api, response_format
from whisper_appliance.web.i18n import translate, translate_error

log = structlog.get_logger()

STATUS_BY_ERROR: dict[type[errors.ApplianceError], int] = {
    errors.InvalidRequest: 400,
    errors.SignInRequired: 401,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Locked: 423,
    errors.Cancelled: 409,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.WrongHost: 421,
    errors.AudioError: 422,
    errors.ChecksumMismatch: 460,
    errors.KeyReused: 422,
    errors.PreconditionMissing: 428,
    errors.Busy: 429,
    errors.Unavailable: 503,
    errors.DiskFull: 507,
}

HTTP_CODES = {
    400: "invalid_request",
    401: "sign_in_required",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    411: "length_required",
    413: "too_large",
    415: "unsupported_media",
    429: "busy",
    503: "unavailable",
}
TOO_SLOW = "The body of this request arrived too slowly. Send it again."
HTTP_MESSAGES = {
    404: N_("There is no page or resource at this address."),
    405: N_("This address does not support this method; the Allow header lists those it does."),
    413: N_("The request is larger than this appliance accepts."),
}
DEFAULT_RETRY_SECONDS = 30.0
INTERNAL_MESSAGE = N_(
    "Something went wrong inside the appliance. The log holds the details under this request id."
)


def status_of(error: type[errors.ApplianceError]) -> int:
    """The HTTP status of a class of errors: its own, or that of its nearest ancestor in the table."""
    return next((STATUS_BY_ERROR[parent] for parent in error.__mro__ if parent in STATUS_BY_ERROR), 500)


def status_of_code(code: str) -> int:
    """The HTTP status of a stored error code, such as the one of a failed job."""
    return _STATUS_OF_CODE.get(code, 500)


def _classes(parent: type[errors.ApplianceError]) -> list[type[errors.ApplianceError]]:
    return [parent, *(each for child in parent.__subclasses__() for each in _classes(child))]


_STATUS_OF_CODE = {each.code: status_of(each) for each in _classes(errors.ApplianceError)}


def error_body(code: str, message: str, field: str | None = None) -> dict[str, object]:
    """The JSON body of an error, with the id of the current request, if there is one."""
    request_id = g.get("request_id", "") if has_request_context() else ""
    return {**response_format.error_body(code, message, field=field, request_id=request_id)}


def error_response(
    status: int,
    code: str,
    message: str,
    *,
    field: str | None = None,
    retry_after_seconds: float | None = None,
) -> Response:
    """The response to a failed request: in the shape of the requested API, or a page for a browser."""
    g.error_code, g.error_message = code, message
    if api := http_api.requested_api():
        failure = http_api.Failure(status, code, message, field, g.get("request_id", ""))
        response = api.error_response(failure)
        status = response.status_code
    elif _wants_page():
        page = render_template(
            "error.html", status=status, code=code, message=message, request_id=g.get("request_id", "")
        )
        response = make_response(page, status)
    else:
        response = make_response(jsonify(error_body(code, message, field)), status)
    if retry_after_seconds is not None or status in (429, 503):
        wait = DEFAULT_RETRY_SECONDS if retry_after_seconds is None else retry_after_seconds
        response.headers["Retry-After"] = str(max(1, math.ceil(wait)))
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="Whisper Appliance"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _wants_page() -> bool:
    """True if the client names text/html in Accept, as a browser does when it opens a page."""
    if request.method not in ("GET", "HEAD") or request.path.startswith(("/api/", "/transcribe", "/health")):
        return False
    return any(kind == "text/html" for kind, _ in request.accept_mimetypes)


def _appliance_error(error: errors.ApplianceError) -> Response:
    status = status_of(type(error))
    if isinstance(error, errors.SignInRequired) and _wants_page() and not http_api.requested_api():
        return _redirect_to("sign_in.sign_in_page")
    if isinstance(error, errors.SecondFactorMissing) and _wants_page():
        return _redirect_to("second_factor.second_factor_page")
    if status >= 500:
        log.warning("request rejected", code=error.code, reason=error.message)
    if status == 500:
        return error_response(500, error.code, translate(INTERNAL_MESSAGE))
    return error_response(
        status,
        error.code,
        translate_error(error),
        field=error.field,
        retry_after_seconds=error.retry_after_seconds,
    )


def _redirect_to(endpoint: str) -> Response:
    """Redirects to a page that returns to this one afterwards, such as the sign-in page."""
    target = request.full_path.rstrip("?")
    response = make_response(redirect(url_for(endpoint, next=None if target == "/" else target)))
    response.headers["Cache-Control"] = "no-store"
    return response


def _http_error(error: HTTPException) -> Response:
    if error.response is not None or error.code is None or error.code < 400:
        return make_response(error.get_response())
    if isinstance(error, ClientDisconnected):
        log.info("client disconnected")
    code = HTTP_CODES.get(error.code, f"http_{error.code}")
    message = translate(HTTP_MESSAGES.get(error.code, error.description or error.name))
    response = error_response(error.code, code, message)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _malformed_body(_error: ParseException) -> Response:
    return error_response(400, "invalid_request", "The body of this request is malformed.")


def _system_error(error: OSError) -> Response:
    known = descriptors.translated(error)
    return _appliance_error(known) if isinstance(known, errors.ApplianceError) else _unexpected(error)


def _unexpected(error: Exception) -> Response:
    log.exception("request failed", exc_info=error)
    return error_response(500, "internal", translate(INTERNAL_MESSAGE))


def install(app: Flask, on_error: Callable[[errors.ApplianceError], None] = lambda _error: None) -> None:
    """Registers the error handlers. `on_error` is called with each error that is answered."""

    def respond(error: errors.ApplianceError) -> Response:
        on_error(error)
        return _appliance_error(error)

    def respond_to_http(error: HTTPException) -> Response:
        if isinstance(error, ClientDisconnected) and isinstance(error.__context__, TimeoutError):
            on_error(errors.Busy(TOO_SLOW, limit_name="body_idle_seconds"))
            return _http_error(RequestTimeout(TOO_SLOW))
        return _http_error(error)

    app.register_error_handler(errors.ApplianceError, respond)
    app.register_error_handler(HTTPException, respond_to_http)
    app.register_error_handler(ParseException, _malformed_body)
    app.register_error_handler(OSError, _system_error)
    app.register_error_handler(Exception, _unexpected)


def invalid_input(error: ValidationError) -> errors.InvalidRequest:
    """The first validation error as an `InvalidRequest` that names the field."""
    first = error.errors()[0]
    input_name = ".".join(str(part) for part in first["loc"])[:60]
    if first["type"] == "extra_forbidden":
        return errors.InvalidRequest("{input}: There is no such option.", field=input_name, input=input_name)
    if not input_name:
        return errors.InvalidRequest("{problem}.", problem=problem_of(first))
    return errors.InvalidRequest(
        "{input}: {problem}.", field=input_name, input=input_name, problem=problem_of(first)
    )
