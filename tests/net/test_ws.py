"""What is WebSocket's own about a link; ``test_links`` has what every transport does."""

from __future__ import annotations

import asyncio

import psutil
import pytest

from tacit.net import CloseCode, LinkClosed, connect
from tacit.net.bounds import Bounds
from tests.net.conftest import Held, Pem, Where, serving


async def test_a_silent_peer_is_noticed(pem: Pem) -> None:
    """The client's process hangs: it answers no ping, so the relay's side ends within the idle time."""
    held = Held()
    async with serving(pem, held, bounds=Bounds(idle_timeout_s=0.3)) as listener:
        client = await connect(Where(listener.port), timeout_s=5)
        server = await held.links.get()
        async with asyncio.timeout(20):
            with pytest.raises(LinkClosed) as closed:
                await server.receive()
        assert closed.value.close_code == CloseCode.ABNORMAL
        client.abort()
        held.done.set()


@pytest.mark.parametrize("closer", ["client", "server"])
async def test_a_link_that_has_ended_has_no_socket_any_more(pem: Pem, closer: str) -> None:
    """Else a program that ends with it leaves one behind that is still saying TLS's goodbye."""
    held = Held()
    async with serving(pem, held) as listener:
        client = await connect(Where(listener.port), timeout_s=5)
        server = await held.links.get()
        if closer == "client":
            held.done.set()
            await client.close()
        else:
            closing = asyncio.create_task(server.close())
            with pytest.raises(LinkClosed):
                await client.receive()
        ours = [c for c in psutil.Process().net_connections("tcp") if c.raddr and c.raddr.port == listener.port]
        assert ours == []
        if closer == "server":
            await closing
            held.done.set()
