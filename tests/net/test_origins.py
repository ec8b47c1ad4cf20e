from __future__ import annotations

import pytest

from tacit.net.origins import DIRECT, Origins, is_among, read_address, read_networks

PROXIES = read_networks("10.0.0.1, fd00::/8")
BEHIND = Origins(behind_proxy=True, trusted=PROXIES)


def test_without_a_proxy_nothing_but_the_socket_counts():
    """Hazard H8: whoever writes the header himself gains nothing."""
    assert DIRECT.of_socket("203.0.113.9") == "203.0.113.9"
    assert DIRECT.of_request("203.0.113.9", ["192.0.2.1"]) == "203.0.113.9"
    assert Origins(trusted=PROXIES).of_request("10.0.0.1", ["192.0.2.1"]) == "10.0.0.1"


def test_behind_a_proxy_that_nobody_trusts_no_origin_is_known():
    behind = Origins(behind_proxy=True)
    assert behind.of_socket("10.0.0.1") == ""
    assert behind.of_request("10.0.0.1", ["192.0.2.1"]) == ""


@pytest.mark.parametrize(
    ("header", "origin"),
    [
        (["192.0.2.1"], "192.0.2.1"),
        (["6.6.6.6, 192.0.2.1"], "192.0.2.1"),
        (["6.6.6.6", "7.7.7.7,192.0.2.1 "], "192.0.2.1"),
        (["2001:db8::7"], "2001:db8::7"),
        (["192.0.2.1:443"], "192.0.2.1"),
        (["[2001:db8::7]:443"], "2001:db8::7"),
        (["::ffff:192.0.2.1"], "192.0.2.1"),
        (["192.0.2.1, "], "10.0.0.1"),
        (["unknown"], "10.0.0.1"),
        (["_hidden, 999.1.1.1"], "10.0.0.1"),
        ([], "10.0.0.1"),
    ],
)
def test_of_a_trusted_proxys_header_the_last_entry_counts(header, origin):
    """Hazard H8."""
    assert BEHIND.of_socket("10.0.0.1") == ""
    assert BEHIND.of_request("10.0.0.1", header) == origin


def test_who_comes_past_the_proxy_is_not_believed():
    """Hazard H8."""
    assert BEHIND.of_socket("203.0.113.9") == "203.0.113.9"
    assert BEHIND.of_request("203.0.113.9", ["192.0.2.1"]) == "203.0.113.9"


def test_a_wrapped_ipv4_address_is_the_one_that_it_wraps():
    assert BEHIND.trusts("::ffff:10.0.0.1")
    assert str(read_address("fe80::1%eth0")) == "fe80::1"
    assert read_address("") is None
    assert not is_among(read_address("127.0.0.1"), read_networks("::/0"))


def test_a_network_with_bits_behind_its_prefix_is_refused():
    with pytest.raises(ValueError, match="host bits"):
        read_networks("10.0.0.1/8")
