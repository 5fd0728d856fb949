"""Host names and IP addresses of this machine."""

import ipaddress
import socket

import psutil

ANY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to


def host_name() -> str:
    """The host name without a domain."""
    return socket.gethostname().split(".")[0].lower() or "localhost"


def host_names() -> list[str]:
    """Every DNS name of this machine, the shortest first."""
    full = socket.gethostname().lower()
    return list(dict.fromkeys(["localhost", host_name(), f"{host_name()}.local", full]))


def addresses(listening_on: str = "0.0.0.0") -> list[str]:  # noqa: S104 - compared with, not bound to
    """Every address of a socket bound to `listening_on`, network addresses before loopback.

    IPv6 addresses are only included if `listening_on` is `::`, because privacy addresses change daily and
    each change would renew the certificate.
    """
    if listening_on not in ANY_ADDRESS:
        return list(dict.fromkeys([listening_on, "127.0.0.1"]))
    found = [
        ipaddress.ip_address(address.address.split("%")[0])
        for interface in psutil.net_if_addrs().values()
        for address in interface
        if address.family in (socket.AF_INET, socket.AF_INET6)
    ]
    wanted = {ip for ip in found if not ip.is_link_local and (ip.version == 4 or listening_on == "::")}
    ordered = sorted(wanted, key=lambda ip: (ip.is_loopback, ip.version, not ip.is_private, int(ip)))
    return list(dict.fromkeys([*map(str, ordered), "127.0.0.1", "::1"]))


def urls(scheme: str, host: str, port: int) -> list[str]:
    """The URLs of the appliance: `localhost` first, then every address of the network."""
    hosts = ["localhost"] if host in ANY_ADDRESS or host == "127.0.0.1" else []
    hosts += [address for address in addresses(host) if not ipaddress.ip_address(address).is_loopback]
    shown = [f"[{name}]" if ":" in name else name for name in hosts]
    return [f"{scheme}://{name}:{port}" for name in shown or [host]]
