from __future__ import annotations

import socket

import pytest

from tacit.net.binding import can_listen


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", ""])
async def test_a_port_can_be_listened_on_unless_somebody_does(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert not await can_listen(host, port)
    assert await can_listen(host, port)
    assert await can_listen(host, port), "looking must not take it"


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 0), ("no-such-host.invalid", 0), ("127.0.0.1", 70_000)])
async def test_an_address_that_is_not_ours_cannot_be_listened_on(host: str, port: int) -> None:
    assert not await can_listen(host, port)
