"""Who comes to the relay process: peers from any address of this machine's own network, and honest ones that are timed.

Every address of 127.0.0.0/8 is this machine's, so an attacker can have as many as it likes, and honest people one that
nobody else has.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

import aiohttp

from tacit.net.errors import LinkClosed
from tacit.net.tls import client_context
from tests.processes.programs import Relay
from tests.relay.peers import TIMEOUT_S, Peer, Someone, commit
from tests.stopwatch import Stopwatch

HONEST = "127.0.0.1"
NOBODY_IS_EXEMPT = {"TACIT_SERVE_EXEMPT_ADDRESSES": "192.0.2.255"}


def tell(figure: str) -> None:
    """Say what was measured, for whoever asks pytest for it."""
    sys.stdout.write(figure + "\n")


class Line:
    """A link made of nothing but aiohttp, without any of tacit's own care."""

    transport = "plain aiohttp"
    peer_certificate_hash = own_certificate_hash = b""
    peer_address = ""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        connection = socket._response.connection
        assert connection is not None
        self._transport = connection.transport

    async def send(self, frame: bytes) -> None:
        try:
            await self.socket.send_bytes(frame)
        except (ConnectionError, aiohttp.ClientError):
            raise LinkClosed(1006) from None

    async def receive(self) -> bytes:
        received = await self.socket.receive()
        if received.type is not aiohttp.WSMsgType.BINARY:
            raise LinkClosed(int(received.data) if received.type is aiohttp.WSMsgType.CLOSE else 1006)
        return bytes(received.data)

    def limit_frames(self, max_bytes: int) -> None:
        """It takes everything."""

    async def close(self, reason: str = "", code: int = 1000) -> None:
        await self.socket.close()

    def abort(self) -> None:
        """Of one that is closed, too: its socket may still wait for TLS's goodbye of a relay that is busy."""
        if self._transport is not None:
            self._transport.abort()


class Guests:
    """Connections to one relay; all of them end with the block."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._lines: list[Line] = []

    async def __aenter__(self) -> Guests:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in self._lines:
            line.abort()
        for session in self._sessions.values():
            await session.close()

    async def line(self, source: str = HONEST, headers: Mapping[str, str] | None = None) -> Line:
        """A WebSocket from an address; raises what aiohttp raises when there is none to be had."""
        session = self._sessions.get(source)
        if session is None:
            connector = aiohttp.TCPConnector(limit=0, local_addr=(source, 0), force_close=True)
            session = self._sessions[source] = aiohttp.ClientSession(connector=connector)
        socket = await session.ws_connect(
            f"wss://127.0.0.1:{self.port}/",
            ssl=client_context(),
            max_msg_size=0,
            headers=headers or {},
            timeout=aiohttp.ClientWSTimeout(ws_close=TIMEOUT_S),
        )
        line = Line(socket)
        self._lines.append(line)
        return line

    async def peer(self, source: str = HONEST, headers: Mapping[str, str] | None = None) -> Peer:
        """A connection that has been greeted."""
        async with asyncio.timeout(TIMEOUT_S):
            return await Peer.over(await self.line(source, headers))

    async def member(self, someone: Someone | None = None, *, source: str = HONEST, **registration: Any) -> Peer:
        """A connection that has registered and logged in."""
        peer, someone = await self.peer(source), someone or Someone.new()
        await peer.register(someone, **registration)
        await peer.login(someone)
        return peer

    async def accounts(self, count: int) -> list[Someone]:
        """Many accounts; a connection may register ten at once."""
        people = [Someone.new() for _ in range(count)]

        async def register(some: Sequence[Someone]) -> None:
            peer = await self.peer()
            for someone in some:
                await peer.register(someone)
            await peer.close()

        for start in range(0, count, 80):
            batch = people[start : start + 80]
            await asyncio.gather(*(register(batch[n : n + 10]) for n in range(0, len(batch), 10)))
        return people


class Pair:
    """Two honest devices in one conversation; one speaks at a steady pace, the other notes when it hears."""

    def __init__(self, speaker: Peer, hearer: Peer, log: bytes, relay: int) -> None:
        self._speaker = speaker
        self._hearer = hearer
        self._log = log
        self._relay = relay

    @classmethod
    async def meet(cls, guests: Guests, relay: int) -> Pair:
        """Both are new at a relay whose process has this number."""
        speaker, hearer = await guests.member(), await guests.member()
        assert hearer.someone is not None
        log = await speaker.create_log()
        await speaker.ask(commit(log, b"", 0, readers_added=[hearer.someone.address]))
        await hearer.listen(log)
        return cls(speaker, hearer, log, relay)

    async def p99_ms(self, count: int = 60, per_s: float = 60.0) -> float:
        """From the moment that each of ``count`` messages should have been sent to its arrival, at this pace."""
        due_s = [n / per_s for n in range(count)]
        with Stopwatch(self._relay) as watch:

            async def speak() -> None:
                for at_s in due_s:
                    await watch.reaches(at_s)
                    await self._speaker.append(self._log, os.urandom(200))

            speaking = asyncio.create_task(speak())
            took_ms = []
            for at_s in due_s:
                entry = await self._hearer.entry()
                took_ms.append((watch.passed_s - at_s) * 1000)
        await self._hearer.acknowledge(self._log, entry.seq)
        await speaking
        return sorted(took_ms)[max(0, count * 99 // 100 - 1)]


class Timed:
    """The honest pair's p99 without an attack and under each."""

    SLACK_MS = 500.0
    """What other processes may add that are not waiting for a processor, but have just had it."""

    def __init__(self, pair: Pair, quiet_ms: float) -> None:
        self.pair = pair
        self.quiet_ms = quiet_ms

    async def under(self, attack: str) -> float:
        """Measure now, print it, and compare it with what it was in peace."""
        p99_ms = await self.pair.p99_ms()
        tell(f"{attack}: honest p99 {p99_ms:.1f} ms, {self.quiet_ms:.1f} ms without")
        assert p99_ms < 10 * self.quiet_ms + self.SLACK_MS, (attack, p99_ms, self.quiet_ms)
        return p99_ms


@asynccontextmanager
async def timed(relay: Relay) -> AsyncIterator[Timed]:
    """An honest pair, timed in peace first."""
    async with timed_at(relay.port, relay.running.pid) as honest:
        yield honest


@asynccontextmanager
async def timed_at(port: int, relay: int) -> AsyncIterator[Timed]:
    """The same by a relay's port and the number of its process."""
    async with Guests(port) as guests:
        pair = await Pair.meet(guests, relay)
        yield Timed(pair, await pair.p99_ms(30))
