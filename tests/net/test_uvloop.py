"""The same links on the event loop that the command line runs on."""

from __future__ import annotations

import asyncio
import gc
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from tacit import limits
from tacit.net import CloseCode, ConnectionRefused, ConnectTimeout, FrameLink, LinkClosed, NotARelay, connect
from tacit.net.bounds import Bounds
from tests.net.conftest import TELL_CODES, Held, Pem, Where, echo, serving

uvloop = pytest.importorskip("uvloop")

Scenario: TypeAlias = Callable[[Pem, str], Awaitable[None]]


async def round_trip(pem: Pem, carrier: str) -> None:
    async def member(link: FrameLink) -> None:
        link.limit_frames(limits.MAX_FRAME_BYTES)
        await link.send(b"raised")
        await echo(link)

    async with serving(pem, member, carrier) as listener:
        link = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        assert len(link.peer_certificate_hash) == 32
        assert await link.receive() == b"raised"
        for size in (0, 100, 65_536, limits.MAX_FRAME_BYTES):
            frame = secrets.token_bytes(size)
            await link.send(frame)
            assert await link.receive() == frame
        await link.close()


async def oversize(pem: Pem, carrier: str) -> None:
    async with serving(pem, transport=carrier) as listener:
        link = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        await link.send(b"x" * 1_000_000)
        with pytest.raises(LinkClosed) as closed:
            await link.receive()
        assert closed.value.close_code == CloseCode.TOO_BIG or carrier not in TELL_CODES


async def abrupt(pem: Pem, carrier: str) -> None:
    held = Held()
    async with serving(pem, held, carrier) as listener:
        client = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        server = await held.links.get()
        waiting = asyncio.create_task(client.receive())
        await asyncio.sleep(0)
        client.abort()
        for attempt in (waiting, server.receive(), client.send(b"x"), server.send(b"x")):
            with pytest.raises(LinkClosed) as closed:
                await attempt
            assert closed.value.close_code == CloseCode.ABNORMAL
        held.done.set()


async def slow_reader(pem: Pem, carrier: str) -> None:
    held = Held()
    async with serving(pem, held, carrier, bounds=Bounds(slow_reader_s=0.2)) as listener:
        client = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        server = await held.links.get()
        sending = asyncio.gather(*(server.send(b"x" * 60_000) for _ in range(1_000)), return_exceptions=True)
        results = await sending
        assert [type(result) for result in results].count(LinkClosed) > 500
        client.abort()
        held.done.set()


async def unreachable(pem: Pem, carrier: str) -> None:
    async with serving(pem, transport=carrier, bounds=Bounds(handshake_timeout_s=0.3)) as listener:
        port = listener.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()
    with pytest.raises(ConnectionRefused):
        await connect(Where(port, scheme=carrier), timeout_s=5)

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (await reader.read(1)) and writer.get_extra_info("sockname")[1] == talker.sockets[0].getsockname()[1]:
            writer.write(b"SSH-2.0-x\r\n")
            writer.close()
        else:
            await reader.read()
            writer.close()

    talker = await asyncio.start_server(other, "127.0.0.1", 0)
    mute = await asyncio.start_server(other, "127.0.0.1", 0)
    with pytest.raises(NotARelay):
        await connect(Where(talker.sockets[0].getsockname()[1], scheme=carrier), timeout_s=5)
    with pytest.raises(ConnectTimeout):
        await connect(Where(mute.sockets[0].getsockname()[1], scheme=carrier), timeout_s=0.3)
    for server in (talker, mute):
        server.close()


@pytest.mark.parametrize("scenario", [round_trip, oversize, abrupt, slow_reader, unreachable])
def test_on_uvloop(pem: Pem, scenario: Scenario, carrier: str) -> None:
    async def run() -> None:
        async with asyncio.timeout(30):
            await scenario(pem, carrier)

    uvloop.run(run())
    gc.collect()
