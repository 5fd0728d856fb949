"""The announcement of the Wyoming server on the local network (DNS-SD, RFC 6763), for Home Assistant."""

import threading
from ipaddress import IPv4Address, ip_address

import structlog
from zeroconf import Error, IPVersion, ServiceInfo, Zeroconf

from whisper_appliance.host import addresses

SERVICE_TYPE = "_wyoming._tcp.local."
log = structlog.get_logger()


class Announcement:
    """Announces one port until it is closed, from a thread, because registering a name takes a second."""

    def __init__(self, host: str, port: int) -> None:
        """`host` is the address that the server listens on."""
        self._addresses = announced_addresses(host)
        self._port = port
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="wyoming-announcement", daemon=True).start()

    def close(self) -> None:
        """Withdraws the announcement soon."""
        self._ended.set()

    def _run(self) -> None:
        service = ServiceInfo(
            SERVICE_TYPE,
            f"Whisper Appliance on {addresses.host_name()}.{SERVICE_TYPE}",
            port=self._port,
            parsed_addresses=self._addresses,
        )
        try:
            with Zeroconf(interfaces=self._addresses, ip_version=IPVersion.V4Only) as zeroconf:
                zeroconf.register_service(service, allow_name_change=True)
                self._ended.wait()
                zeroconf.unregister_service(service)
        except (OSError, Error) as error:  # a network without multicast
            log.warning("the Wyoming server cannot be announced on the network", reason=repr(error))


def announced_addresses(host: str) -> list[str]:
    """The IPv4 addresses at which others reach a server on `host`; loopback only if there is no other."""
    found = [ip_address(address) for address in addresses.addresses(host)]
    usable = [ip for ip in found if isinstance(ip, IPv4Address)]
    reachable = [ip for ip in usable if not ip.is_loopback]
    return [str(ip) for ip in reachable or usable]
