from __future__ import annotations

import socket

import pytest

from tacit.net.binding import can_listen
from tests.ports import free_port


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", ""])
async def test_a_port_can_be_listened_on_unless_somebody_does(host: str) -> None:
    # One that the system hands out to whoever asks for any may be somebody's at another address of this machine.
    with socket.create_server(("127.0.0.1", port := free_port())):
        assert not await can_listen(host, port)
    assert await can_listen(host, port)
    assert await can_listen(host, port), "looking must not take it"


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 0), ("no-such-host.invalid", 0), ("127.0.0.1", 70_000)])
async def test_an_address_that_is_not_ours_cannot_be_listened_on(host: str, port: int) -> None:
    assert not await can_listen(host, port)
