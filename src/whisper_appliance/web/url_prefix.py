"""URL_PREFIX: the appliance as a part of another site, such as `https://example.org/stt/`.

Routes, templates and API know only addresses from the root. A WSGI middleware takes the prefix away on the
way in, if the proxy has not done so, and puts it before redirects on the way out; `url_for` puts it before
addresses because of SCRIPT_NAME. Scripts use `fromRoot` (js/core/addresses.js).
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Response, request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LINK = re.compile(r"""(\s(?:href|src|action)=")(/(?!/)[^"]*)""")
"""An address from the root in a page. Text of users is escaped, so its quotation marks begin none."""


class UrlPrefix:
    """A WSGI middleware: the application behind it is served below a prefix such as `/stt`."""

    def __init__(self, application: "WSGIApplication", prefix: str) -> None:
        self._application = application
        self._prefix = prefix

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if is_below(path, self._prefix):
            environ["PATH_INFO"] = path.removeprefix(self._prefix) or "/"
        environ["SCRIPT_NAME"] = self._prefix

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [self._prefixed(*header) for header in headers], *rest)

        return self._application(environ, start)

    def _prefixed(self, name: str, value: str) -> tuple[str, str]:
        return (name, with_prefix(value, self._prefix)) if name.lower() == "location" else (name, value)


def is_below(path: str, prefix: str) -> bool:
    """True for the prefix itself and for what is below it."""
    return path == prefix or path.startswith(f"{prefix}/")


def with_prefix(address: str, prefix: str) -> str:
    """The address with the prefix, if it is one from the root that has none yet."""
    if not address.startswith("/") or address.startswith("//") or is_below(address, prefix):
        return address
    return f"{prefix}{address}"


def prefix_links(response: Response) -> Response:
    """A hook: the links of a page get the prefix of the request."""
    prefix = request.script_root
    if prefix and response.mimetype == "text/html" and not response.is_streamed:
        page = response.get_data(as_text=True)
        response.set_data(LINK.sub(lambda link: f"{link[1]}{with_prefix(link[2], prefix)}", page))
    return response
