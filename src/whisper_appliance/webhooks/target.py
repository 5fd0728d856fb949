"""Where a webhook may point: its URL, and the addresses that its host name resolves to.

The request goes to the address that was checked, not to the name, so that a name server cannot give another
one in between (DNS rebinding).
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from whisper_appliance.core.errors import InvalidRequest

MAX_URL_CHARS = 2000
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NOT_PUBLIC = [ipaddress.ip_network(found) for found in ("64:ff9b:1::/48", "fec0::/10", "::/96")]
"""Local NAT64 (RFC 8215), and the former site-local and IPv4-compatible addresses: `is_global` has them."""
_FORBIDDEN_CHARS = frozenset(" \t\r\n\\")


def checked_url(url: str, *, private_allowed: bool) -> SplitResult:
    """The parts of the URL of a webhook. Raises `InvalidRequest`. Plain HTTP is for private networks only."""
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or 0 < parts.port < 65536
    except ValueError:
        raise InvalidRequest("This is not an address of a web server.", field="url") from None
    if len(url) > MAX_URL_CHARS or _FORBIDDEN_CHARS & set(url) or not parts.hostname or not port_is_valid:
        raise InvalidRequest("This is not an address of a web server.", field="url")
    if parts.username is not None or parts.fragment:
        raise InvalidRequest("The address must have no user name and no fragment.", field="url")
    if parts.scheme != "https" and not (private_allowed and parts.scheme == "http"):
        raise InvalidRequest("The address must begin with https://.", field="url")
    if not private_allowed:
        _check_literal(parts.hostname)
    return parts


def allowed_address(addresses: Iterable[str], *, private_allowed: bool) -> str:
    """The first of the addresses of a host. Raises `InvalidRequest` if any of them is not public.

    `private_allowed` permits all of them, as WEBHOOK_PRIVATE_ADDRESSES says.
    """
    found = list(addresses)
    if not found:
        raise InvalidRequest("The host of the webhook has no address.", field="url")
    if not private_allowed and not all(map(is_public, found)):
        raise _private()
    return found[0]


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also what it embeds of IPv4."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if any(ip in network for network in _NOT_PUBLIC):
            return False
        embedded = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if embedded is None and ip in _NAT64:
            embedded = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if embedded is not None:
            ip = embedded
    return ip.is_global and not ip.is_multicast


def _check_literal(host: str) -> None:
    try:
        public = is_public(host)
    except ValueError:
        return  # a name, which is checked when it is resolved
    if not public:
        raise _private()


def _private() -> InvalidRequest:
    return InvalidRequest(
        "The address belongs to a private network or to this machine. An administrator can allow that with "
        "WEBHOOK_PRIVATE_ADDRESSES.",
        field="url",
    )
