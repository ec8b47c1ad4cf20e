from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

from tacit.net.addresses import primary_address


def test_the_address_is_one_that_this_machine_can_listen_on() -> None:
    address = ipaddress.ip_address(primary_address())
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((str(address), 0))
    assert not address.is_unspecified


class Probe:
    """A UDP socket of a machine that looks different from this one."""

    def __init__(self, address: dict[int, str], family: int) -> None:
        self._address = address.get(family)

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *args: object) -> None:
        pass

    def connect(self, where: Any) -> None:
        if self._address is None:
            raise OSError("network is unreachable")

    def getsockname(self) -> tuple[str | None, int]:
        return self._address, 40000


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ({}, "127.0.0.1"),
        ({socket.AF_INET: "192.168.1.7"}, "192.168.1.7"),
        ({socket.AF_INET: "192.168.1.7", socket.AF_INET6: "2001:db8::7"}, "192.168.1.7"),
        ({socket.AF_INET6: "2001:db8::7"}, "2001:db8::7"),
        ({socket.AF_INET: "169.254.3.4", socket.AF_INET6: "fe80::1"}, "127.0.0.1"),
        ({socket.AF_INET: "0.0.0.0"}, "127.0.0.1"),
    ],
)
def test_other_machines(machine: dict[int, str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", lambda family, kind: Probe(machine, family))
    assert primary_address() == expected
