"""A webhook points to the public internet, unless an administrator allows private networks."""

import pytest

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.webhooks.target import allowed_address, checked_url, is_public

PRIVATE = (
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "::", "::1", "fe80::1", "fe80::1%eth0",
    "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1",
    "64:ff9b:1::a00:1", "64:ff9b:1:ffff::5db8:d70e", "fec0::1", "::10.0.0.1", "::93.184.215.14",
)  # fmt: skip
PUBLIC = ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14")


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(InvalidRequest, match="WEBHOOK_PRIVATE_ADDRESSES"):
        allowed_address([address], private_allowed=False)
    assert allowed_address([address], private_allowed=True) == address


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert allowed_address([address], private_allowed=False) == address


def test_a_host_with_one_private_address_among_others_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        allowed_address([PUBLIC[0], "10.0.0.1"], private_allowed=False)


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "ftp://example.com/", "javascript:alert(1)", "http://example.com/",
        "https://user:secret@example.com/", "https://example.com/#part", "https://example.com:99999/",
        "https://example.com:0/", "https:///path", "https://[::1", "https://127.0.0.1/", "https://[::1]/",
        "https://exa mple.com/", "https://example.com/\r\nX: 1", "https://example.com\\@10.0.0.1/",
        "https://example.com/" + "x" * 2000,
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        checked_url(url, private_allowed=False)
    assert caught.value.field == "url"


def test_plain_http_is_for_private_networks_that_are_allowed() -> None:
    assert checked_url("http://10.0.0.1:8123/hook", private_allowed=True).port == 8123
    assert checked_url("https://example.com/hook?token=1", private_allowed=False).hostname == "example.com"
