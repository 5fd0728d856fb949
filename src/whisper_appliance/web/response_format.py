"""The parts of every response that need no Flask: security headers, and the JSON body of an error.

The HTTP server imports this module before the application, so it must not import Flask.
"""

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "img-src 'self' data:",
        "media-src 'self' blob:",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ]
)

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# No Strict-Transport-Security: the CA is the appliance's own, and a browser that remembers the header would
# lock its owner out as soon as the CA is replaced.


def error_body(
    code: str, message: str, *, field: str | None = None, request_id: str = ""
) -> dict[str, dict[str, str | None]]:
    """The one JSON shape of an error. `code` is stable, `message` is for people, `field` names the input."""
    return {"error": {"code": code, "message": message, "field": field, "request_id": request_id}}
