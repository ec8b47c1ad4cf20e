"""One accepted connection until it is a WebSocket: aiohttp's, with a deadline.

Once the upgrade is agreed on, a link takes the transport over, and nothing of what HTTP needed stays behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from aiohttp import web

from tacit.net.accepting import Door, Visit
from tacit.net.requests import small_requests

MAX_HEADERS: Final = 64
WRITE_BUFFER_BYTES: Final = 128 * 1024
"""Bytes held for one slow reader before its writer waits."""


class Upgrade(web.WebSocketResponse):
    """aiohttp's answer to a request for a WebSocket; what follows it is not aiohttp's."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Leave the connection open: it is a link's by now."""


class _Early:
    """Stands in for a parser and keeps what came in with the upgrade or right behind it."""

    def __init__(self) -> None:
        self.data = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Keep received bytes."""
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        """Nothing more will come."""


class Connection(web.RequestHandler, Visit):
    """One accepted connection: aiohttp's, with a deadline until it is a WebSocket."""

    __slots__ = (
        "_deadline",
        "_door",
        "_early",
        "_expires_at",
        "_inside",
        "_settled",
        "origin",
        "peer",
    )

    def __init__(
        self,
        http: web.Server,
        *,
        peer: str,
        origin: str,
        door: Door,
        settled: Callable[[Connection], None],
        deadline_s: float,
    ) -> None:
        """A connection that ``door`` let in; ``settled`` is called once it is a WebSocket, or has ended."""
        loop = asyncio.get_running_loop()
        super().__init__(
            http,
            loop=loop,
            **small_requests(MAX_HEADERS),
        )
        self.peer = peer
        """The address at the other end of the socket."""
        self.origin = origin
        """Where it comes from; empty where nobody can tell, or not yet."""
        self._door = door
        self._inside = True
        self._settled = settled
        self._early = _Early()
        # Made when TCP connects, before TLS: the time that TLS takes counts.
        self._expires_at = loop.time() + deadline_s
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS stands; the rest of the deadline is for the HTTP header."""
        cast(asyncio.Transport, transport).set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        super().connection_made(transport)
        self._deadline = asyncio.get_running_loop().call_at(self._expires_at, cast(asyncio.Transport, transport).abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the deadline, and make room for another from there."""
        self.ended()
        super().connection_lost(exc)

    def set_parser(self, parser: Any, data_received_cb: Callable[[], None] | None = None) -> None:
        """Keep what comes for the link; nothing is read with aiohttp's own parser."""
        super().set_parser(cast(Any, self._early))

    def hand_over(self, link: asyncio.Protocol) -> None:
        """Let a link have the transport and its door's place, and end without closing it."""
        transport, self.transport = self.transport, None
        if transport is None:
            raise ConnectionResetError
        self.upgraded()
        self._inside = False
        super().connection_lost(None)
        link.connection_made(transport)
        transport.set_protocol(link)
        if self._early.data:
            link.data_received(self._early.data)

    def upgraded(self) -> None:
        """The deadline is met."""
        self._settled(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def comes_from(self, origin: str) -> bool:
        """Note an origin that only a request has told; false where that has no room for another connection."""
        if origin == self.origin:
            return True
        self._leave()
        self.origin, self._inside = origin, self._door.enter(origin)
        return self._inside

    def cut_off(self) -> None:
        """End it now, if TLS stands already."""
        if self.transport is not None:
            self.transport.abort()

    def ended(self) -> None:
        """Make room for another connection from there."""
        self.upgraded()
        self._leave()

    def _leave(self) -> None:
        if self._inside:
            self._inside = False
            self._door.leave(self.origin)

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing, for the same reason."""
