"""Listens for TCP under TLS 1.3; every connection whose TLS stands is a link."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from tacit.net.accepting import Acceptor, Door, OpenDoor, Visit
from tacit.net.bounds import USUAL, Bounds
from tacit.net.serving import Handler, Links, open_port
from tacit.net.tcp_link import TcpLink


async def serve_tcp(
    handler: Handler,
    host: str,
    port: int,
    ssl_context: ssl.SSLContext,
    *,
    bounds: Bounds = USUAL,
    door: Door | None = None,
) -> TcpListener:
    """Listen, and run ``handler`` for each link; when it returns, the link is closed.

    ``door`` decides who may connect. Port 0 takes any free one. An empty ``host`` means every address, IPv4 and IPv6.
    Raises ``CannotListen``.
    """
    listener = TcpListener(handler, bounds, OpenDoor() if door is None else door)
    await listener.open(host, port, ssl_context)
    return listener


class TcpListener:
    """The listener that ``serve_tcp`` opens."""

    def __init__(self, handler: Handler, bounds: Bounds, door: Door) -> None:
        self._handler = handler
        self._bounds = bounds
        self._door = door
        self._links: Links | None = None
        self._acceptor: Acceptor | None = None
        self.port = 0

    async def open(self, host: str, port: int, ssl_context: ssl.SSLContext) -> None:
        """Bind the port and start to accept."""
        self._acceptor = await open_port(host, port, self._arrival, self._door.enter, ssl_context, self._bounds)
        self.port = self._acceptor.port
        self._links = Links(self._handler, self._door, self._bounds.idle_timeout_s)
        self._acceptor.start()

    async def close(self) -> None:
        """Stop listening, say goodbye on every link and see their handlers ended."""
        if self._acceptor is None or self._links is None:
            return
        acceptor, self._acceptor = self._acceptor, None
        await acceptor.close()
        await self._links.close()
        await self._links.see_them_gone()

    def _arrival(self, peer: str) -> Arrival:
        return Arrival(peer, self._door, self._become_link)

    def _become_link(self, arrival: Arrival, transport: asyncio.BaseTransport | None) -> None:
        """Forget an arrival: it is a link now, or over."""
        if self._acceptor is not None:
            self._acceptor.settled(arrival)
        if transport is None or self._links is None:
            return
        link = TcpLink(self._bounds, on_end=self._links.ended, peer_address=arrival.origin)
        link.connection_made(transport)
        transport.set_protocol(link)
        self._links.begin(link)


class Arrival(Visit):
    """An accepted connection until TLS stands."""

    __slots__ = ("_door", "_settled", "origin")

    def __init__(
        self, origin: str, door: Door, settled: Callable[[Arrival, asyncio.BaseTransport | None], None]
    ) -> None:
        """A connection that ``door`` let in; ``settled`` is called with its transport once it has one, or is over."""
        self.origin = origin
        self._door = door
        self._settled = settled

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS stands; the link has the door's place from here."""
        self._settled(self, transport)

    def cut_off(self) -> None:
        """End it: its handshake is cancelled, and there is nothing else."""

    def ended(self) -> None:
        """Make room for another connection from there."""
        self._settled(self, None)
        self._door.leave(self.origin)
