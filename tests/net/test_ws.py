"""What is WebSocket's own about a link; ``test_links`` has what every transport does."""

from __future__ import annotations

import asyncio

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
