"""Protection against DNS rebinding: requests to a name that is not the appliance's are refused.

A site may let its own name resolve to the address of the appliance. Browsers of the network then take the
appliance for a part of that site, whose pages may read it. Only the Host header shows it: it has the foreign
name. Addresses and local names need no list, because no site of the internet can have them.
"""

import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING

from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import WrongHost
from whisper_appliance.host import addresses
from whisper_appliance.host.certificates import Certificates
from whisper_appliance.host.local_ca import LOCAL_DOMAINS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

PRIVATE_DOMAINS = (*LOCAL_DOMAINS, "localdomain", "fritz.box", "speedport.ip")
"""Domains of home networks; the last two belong to the makers of the routers that use them."""
HEALTH_PATH = "/health"
"""Answers to any name, because health checks of load balancers choose their own."""


class AllowedHosts:
    """The names by which one appliance may be reached."""

    def __init__(self, get_settings: Callable[[], Settings], certificates: Certificates | None) -> None:
        self._get_settings = get_settings
        self._certificates = certificates

    def check(self, environ: "WSGIEnvironment") -> None:
        """Raises `WrongHost` if the request names a host that is not this appliance."""
        host = _name_of(environ.get("HTTP_HOST", ""))
        if environ.get("PATH_INFO") != HEALTH_PATH and not self.is_allowed(host):
            raise WrongHost(
                "This appliance is not known by the name {host}. Open it by its address or by a name of its "
                "certificate; or an administrator adds the name to ALLOWED_HOSTS.",
                host=host[:100],
            )

    def is_allowed(self, host: str) -> bool:
        """Whether `host`, without a port, is a name of this appliance."""
        settings = self._get_settings()
        if settings.trusted_proxies and not settings.allowed_hosts:
            return True  # the proxy decides which names lead here
        if _is_address(host) or "." not in host or _is_private(host):
            return True
        names = [*settings.allowed_hosts, *settings.certificate_names, *addresses.host_names()]
        if any(_matches(host, name.lower()) for name in names):
            return True
        return self._certificates is not None and self._certificates.is_for(host)


def _name_of(header: str) -> str:
    """The name in a Host header, without port, final dot and capitals."""
    name = header.partition("]")[0][1:] if header.startswith("[") else header.rpartition(":")[0] or header
    return name.lower().rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_private(host: str) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in PRIVATE_DOMAINS)


def _matches(host: str, name: str) -> bool:
    return name in ("*", host) or (name.startswith("*.") and host.partition(".")[2] == name[2:])
