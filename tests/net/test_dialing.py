"""Whatever becomes of a connection that is being made, nothing stays behind."""

from __future__ import annotations

import asyncio

import pytest

from tacit.net import connect
from tests.net.conftest import Where
from tests.net.test_ws_handshake import nothing_left


async def test_a_cancelled_connect_leaves_no_task_and_no_socket_behind(carrier: str) -> None:
    accepted, left = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await reader.read()
        left.set()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        connecting = asyncio.create_task(connect(Where(port, scheme=carrier), timeout_s=20))
        await accepted.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await asyncio.wait_for(left.wait(), 20)
        await nothing_left(port)
