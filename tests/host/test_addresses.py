"""Host names, addresses and URLs of this machine."""

import ipaddress

from whisper_appliance.host import addresses


def test_the_loopback_and_localhost_are_always_there() -> None:
    assert {"127.0.0.1", "::1"} <= set(addresses.addresses())
    assert {"localhost", f"{addresses.host_name()}.local"} <= set(addresses.host_names())


def test_a_socket_of_one_address_is_reached_by_that_one() -> None:
    assert addresses.addresses("192.0.2.5") == ["192.0.2.5", "127.0.0.1"]
    assert addresses.urls("https", "192.0.2.5", 5001) == ["https://192.0.2.5:5001"]


def test_urls_begin_with_this_machine_and_hold_no_loopback_address() -> None:
    first, *others = addresses.urls("https", "0.0.0.0", 5001)
    assert first == "https://localhost:5001"
    hosts = [url.removeprefix("https://").rsplit(":", 1)[0] for url in others]
    assert not any(ipaddress.ip_address(host).is_loopback for host in hosts)


def test_an_ipv6_address_is_bracketed() -> None:
    assert addresses.urls("http", "2001:db8::7", 80) == ["http://[2001:db8::7]:80"]
