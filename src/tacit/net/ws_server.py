"""Listens for WebSocket over TLS 1.3 on ``/``, and answers a plain ``GET /healthz``.

Whoever connects has one deadline for TLS, HTTP header and upgrade together, and small headers only. Nothing of a
peer's address reaches a log.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol, cast

from aiohttp import web

from tacit.log import EventLog
from tacit.net.accepting import Acceptor, Door, OpenDoor
from tacit.net.binding import bind
from tacit.net.bounds import USUAL, Bounds
from tacit.net.errors import CannotListen, LinkClosed
from tacit.net.links import CloseCode, FrameLink
from tacit.net.origins import DIRECT, HEADER, Origins
from tacit.net.ws_connection import Connection, Upgrade
from tacit.net.ws_frames import Collected
from tacit.net.ws_link import CLOSE_TIMEOUT_S
from tacit.net.ws_served import QUIET_TICKS_TO_END, ServedLink

Handler = Callable[[FrameLink], Awaitable[None]]

TICKS_AT_ONCE: Final = 64
"""Links that are looked after in one turn of the event loop; each may have to be pinged."""


class Listener(Protocol):
    """An open port."""

    @property
    def port(self) -> int:
        """The port that was asked for, or the one found when that was 0."""
        ...

    async def close(self) -> None:
        """Stop listening, say goodbye on every link and see their handlers ended."""
        ...


async def serve_ws(
    handler: Handler,
    host: str,
    port: int,
    ssl_context: ssl.SSLContext,
    *,
    bounds: Bounds = USUAL,
    door: Door | None = None,
    origins: Origins = DIRECT,
) -> WebSocketListener:
    """Listen, and run ``handler`` for each link; when it returns, the link is closed.

    ``door`` decides who may connect, by where ``origins`` says that they come from. Port 0 takes any free one. An empty
    ``host`` means every address, IPv4 and IPv6. Raises ``CannotListen``.
    """
    listener = WebSocketListener(handler, bounds, OpenDoor() if door is None else door, origins)
    await listener.open(host, port, ssl_context)
    return listener


class WebSocketListener:
    """The listener that ``serve_ws`` opens."""

    def __init__(self, handler: Handler, bounds: Bounds, door: Door, origins: Origins) -> None:
        self._handler = handler
        self._bounds = bounds
        self._door = door
        self._origins = origins
        self._links: dict[ServedLink, asyncio.Task[None]] = {}
        self._log = EventLog("net")
        self._http = web.Server(self._answer)
        self._open: set[ServedLink] = set()
        self._all_gone = asyncio.Event()
        self._collected = Collected()
        self._acceptor: Acceptor | None = None
        self._ticking: asyncio.Task[None] | None = None
        self.port = 0

    async def open(self, host: str, port: int, ssl_context: ssl.SSLContext) -> None:
        """Bind the port and start to accept."""
        try:
            bound = await bind(host, port)
        except (OSError, OverflowError) as error:
            raise CannotListen(f"{host or '*'}:{port}") from error
        self.port = int(bound.getsockname()[1])
        self._acceptor = Acceptor(
            bound,
            self._connection,
            lambda peer: self._door.enter(self._origins.of_socket(peer)),
            ssl_context,
            handshake_timeout_s=self._bounds.handshake_timeout_s,
            shutdown_timeout_s=CLOSE_TIMEOUT_S,
        )
        self._acceptor.start()
        self._ticking = asyncio.create_task(self._tick())

    async def close(self) -> None:
        """Stop listening, say goodbye on every link; handlers have ``CLOSE_TIMEOUT_S`` before they are cancelled."""
        if self._acceptor is None:
            return
        acceptor, self._acceptor = self._acceptor, None
        await acceptor.close()
        if self._ticking is not None:
            self._ticking.cancel()
        handlers = list(self._links.values())
        await asyncio.gather(*(link.close("the relay is stopping", CloseCode.GOING_AWAY) for link in self._links))
        if handlers:
            _, late = await asyncio.wait(handlers, timeout=CLOSE_TIMEOUT_S)
            for handler in late:
                handler.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._http.shutdown(CLOSE_TIMEOUT_S)
        await self._see_them_gone()

    def _connection(self, peer: str) -> Connection:
        acceptor = self._acceptor
        return Connection(
            self._http,
            peer=peer,
            origin=self._origins.of_socket(peer),
            door=self._door,
            settled=lambda connection: None if acceptor is None else acceptor.settled(connection),
            deadline_s=self._bounds.handshake_timeout_s,
        )

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/healthz" and request.method == "GET":
            return _plain(200, "ok")
        if request.path != "/":
            return _plain(404, "not found")
        announced = request.headers.getall("Content-Length", []) + request.headers.getall("Transfer-Encoding", [])
        if request.method != "GET" or set(announced) - {"0"}:
            return _plain(405, "this is a tacit relay; there is nothing to be sent but an upgrade")
        if "Sec-WebSocket-Protocol" in request.headers:
            return _plain(400, "no subprotocols here")
        upgrade = Upgrade(compress=False)
        upgrade.headers["Server"] = "tacit"
        if not upgrade.can_prepare(request):
            return _plain(426, "this is a tacit relay; it speaks WebSocket")
        connection = cast(Connection, request.protocol)
        if not connection.comes_from(self._origins.of_request(connection.peer, request.headers.getall(HEADER, []))):
            return _plain(429, "too many connections from your address")
        await upgrade.prepare(request)
        self._begin(connection)
        return upgrade

    def _begin(self, connection: Connection) -> None:
        """Turn an upgraded connection into a link, and let the handler have it."""
        link = ServedLink(self._collected, self._bounds, peer_address=connection.origin, on_end=self._ended)
        connection.hand_over(link)
        self._open.add(link)
        self._links[link] = asyncio.create_task(self._run(link))

    async def _run(self, link: ServedLink) -> None:
        """Let the handler have one link, and see it closed whatever happens there."""
        try:
            await self._handler(link)
            await link.close()
        except LinkClosed:
            await link.close()
        except Exception as error:  # noqa: BLE001  # one connection's fault must not end the listener
            self._log.warning("handler-failed", error=type(error).__name__)
            await link.close("internal error", CloseCode.INTERNAL_ERROR)
        except BaseException:
            link.abort()
            raise
        finally:
            del self._links[link]

    def _ended(self, link: ServedLink) -> None:
        """A link's connection is gone, to its last byte."""
        self._door.leave(link.peer_address)
        self._open.discard(link)
        if not self._open:
            self._all_gone.set()

    async def _see_them_gone(self) -> None:
        """Wait for connections that are closed already; whoever does not take the last bytes is cut off."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                while self._open:
                    self._all_gone.clear()
                    await self._all_gone.wait()
        for link in tuple(self._open):
            link.abort()

    async def _tick(self) -> None:
        """Find out, a few at a time, which peers are gone without a word."""
        while True:
            await asyncio.sleep(self._bounds.idle_timeout_s / QUIET_TICKS_TO_END)
            for number, link in enumerate(tuple(self._links)):
                link.tick()
                if number % TICKS_AT_ONCE == 0:
                    await asyncio.sleep(0)


def _plain(status: int, text: str) -> web.Response:
    response = web.Response(status=status, text=text + "\n", headers={"Server": "tacit"})
    response.force_close()
    return response
