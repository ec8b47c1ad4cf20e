"""Who gets in at the door: refused before TLS, counted until the end, and cut off when too many dawdle."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter

import aiohttp
import pytest

from tacit import limits
from tacit.net import connect
from tacit.net.errors import TransportError
from tacit.net.origins import Origins, read_networks
from tacit.net.tls import client_context
from tests.net.conftest import Held, Pem, Where, leap, serving

FROM_HERE = read_networks("127.0.0.1")


class Few:
    """A door for so many from each address; ``empty`` is set whenever nobody is inside."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.inside: Counter[str] = Counter()
        self.refused: list[str] = []
        self.entered = asyncio.Event()
        self.empty = asyncio.Event()

    def __len__(self) -> int:
        """A door that keeps a table may have nobody in it."""
        return self.inside.total()

    def enter(self, address: str) -> bool:
        if self.inside[address] >= self.most:
            self.refused.append(address)
            return False
        self.inside[address] += 1
        self.entered.set()
        self.empty.clear()
        return True

    def leave(self, address: str) -> None:
        self.inside[address] -= 1
        assert self.inside[address] >= 0
        if not self.inside.total():
            self.empty.set()


async def within(waited: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await waited.wait()


async def test_one_too_many_is_refused_before_tls_and_may_come_when_another_has_left(pem: Pem) -> None:
    door, held = Few(2), Held()
    async with serving(pem, held, door=door) as listener:
        links = [await connect(Where(listener.port), timeout_s=5) for _ in range(2)]
        assert (await held.links.get()).peer_address == "127.0.0.1"
        with pytest.raises(TransportError):
            await connect(Where(listener.port), timeout_s=5)
        assert (door.refused, door.inside["127.0.0.1"]) == (["127.0.0.1"], 2)
        held.done.set()
        for link in links:
            await link.close()
        await within(door.empty)
        await (await connect(Where(listener.port), timeout_s=5)).close()
    assert not door.inside.total()


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"])
async def test_one_that_never_becomes_a_link_leaves_again(pem: Pem, said: bytes) -> None:
    door = Few(1)
    async with serving(pem, door=door) as listener:
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(said)
        await writer.drain()
        await within(door.entered)
        await leap(limits.HANDSHAKE_TIMEOUT_S)
        await within(door.empty)
        writer.close()
        await (await connect(Where(listener.port), timeout_s=5)).close()


async def test_of_too_many_that_dawdle_the_first_is_cut_off(pem: Pem, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hazard H1: a crowd that says nothing keeps nobody out, however long its deadline."""
    monkeypatch.setattr(limits, "MAX_STRANGERS", 2)
    async with serving(pem) as listener:
        silent = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(3)]
        async with asyncio.timeout(10):
            assert await silent[0][0].read() == b""
        await (await connect(Where(listener.port), timeout_s=5)).close()
        async with asyncio.timeout(10):
            assert await silent[1][0].read() == b""
        assert not silent[2][0].at_eof()
        for _, writer in silent:
            writer.close()


async def test_a_listener_that_closes_cuts_off_whoever_dawdles(pem: Pem) -> None:
    door = Few(9)
    async with serving(pem, door=door) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        await within(door.entered)
    assert await reader.read() == b""
    assert not door.inside.total()
    writer.close()


async def upgrade(port: int, **headers: str) -> int:
    """The status of the answer to an upgrade; a WebSocket that opens is closed again."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.ws_connect(f"wss://127.0.0.1:{port}/", ssl=client_context(), headers=headers):
                return 101
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status


async def test_behind_a_trusted_proxy_each_address_that_it_names_is_counted(pem: Pem) -> None:
    """Hazard H8: what a client writes into the header itself stands before the proxy's own word."""
    door, held = Few(1), Held()
    origins = Origins(behind_proxy=True, trusted=FROM_HERE)
    door.most = 10
    door.inside["192.0.2.1"] = 9
    async with serving(pem, held, door=door, origins=origins) as listener:
        opened = asyncio.create_task(upgrade(listener.port, **{"X-Forwarded-For": "6.6.6.6, 192.0.2.1"}))
        assert (await held.links.get()).peer_address == "192.0.2.1"
        assert door.inside["192.0.2.1"] == 10
        assert await upgrade(listener.port, **{"X-Forwarded-For": "8.8.8.8, 192.0.2.1"}) == 429
        other = asyncio.create_task(upgrade(listener.port, **{"X-Forwarded-For": "192.0.2.1, 192.0.2.2"}))
        assert (await held.links.get()).peer_address == "192.0.2.2"
        held.done.set()
        assert [await opened, await other] == [101, 101]
    assert door.inside["192.0.2.1"] == 9


async def test_without_a_trusted_proxy_the_header_says_nothing(pem: Pem) -> None:
    """Hazard H8."""
    for origins, address in ((Origins(), "127.0.0.1"), (Origins(behind_proxy=True), "")):
        held = Held()
        async with serving(pem, held, origins=origins) as listener:
            opened = asyncio.create_task(upgrade(listener.port, **{"X-Forwarded-For": "192.0.2.1"}))
            assert (await held.links.get()).peer_address == address
            held.done.set()
            assert await opened == 101


async def test_without_descriptors_it_waits_and_goes_on(pem: Pem, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken for granted here is the kernel's part: what cannot be accepted stays in the queue."""
    monkeypatch.setattr("tacit.net.accepting.ACCEPT_PAUSE_S", 0.05)
    real, failed = socket.socket.accept, asyncio.Event()

    def accept(self: socket.socket) -> tuple[socket.socket, tuple[str, int]]:
        if not failed.is_set():
            failed.set()
            raise OSError(24, "Too many open files")
        return real(self)

    monkeypatch.setattr(socket.socket, "accept", accept)
    async with serving(pem) as listener:
        await (await connect(Where(listener.port), timeout_s=5)).close()
    assert failed.is_set()
