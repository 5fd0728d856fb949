"""Client addresses for counting: rate limits and sign-in throttling count one IPv6 network as one client."""

import ipaddress
from functools import lru_cache

IPV6_CLIENT_PREFIX_BITS = 64
"""A provider gives every customer at least a /64, so one client has 2^64 addresses."""
REMEMBERED = 1024
"""Addresses whose network need not be found again, because it takes a good part of a refused connection."""


@lru_cache(REMEMBERED)
def client_network(address: str) -> str:
    """The key under which requests of `address` are counted.

    An IPv4 address as it is (also when it is IPv4-mapped IPv6), the /64 network of an IPv6 address, and any
    other text unchanged.
    """
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, IPV6_CLIENT_PREFIX_BITS), strict=False))
