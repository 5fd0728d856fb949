"""The site that passkeys are for: the host name of this request. WebAuthn allows HTTPS and localhost only."""

import ipaddress
from urllib.parse import urlsplit

from flask import request

from whisper_appliance.accounts.passkeys import Site
from whisper_appliance.core.errors import Conflict


def current_site() -> Site:
    """The site of this request. Raises `Conflict` where passkeys are not possible."""
    site = site_or_none()
    if site is None:
        raise Conflict("Passkeys need HTTPS, and the name of the appliance in the address.")
    return site


def site_or_none() -> Site | None:
    """The site of this request; None over plain HTTP, and where the host is an IP address."""
    origin = f"{request.scheme}://{request.host}"  # `host_url` decodes punycode, which browsers sign
    host = urlsplit(origin).hostname or ""
    if not host or _is_address(host) or not (request.is_secure or host == "localhost"):
        return None
    return Site(host, origin)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
