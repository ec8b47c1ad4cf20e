"""Listens for WebSocket over TLS 1.3 on ``/``, and answers a plain ``GET /healthz``.

Whoever connects has one deadline for TLS, HTTP header and upgrade together, and small headers only. Nothing of a
peer's address reaches a log.
"""

from __future__ import annotations

import ssl
from typing import cast

from aiohttp import web

from tacit.net.accepting import Acceptor, Door, OpenDoor
from tacit.net.bounds import USUAL, Bounds
from tacit.net.origins import DIRECT, HEADER, Origins
from tacit.net.serving import CLOSE_TIMEOUT_S, Handler, Links, open_port
from tacit.net.ws_connection import Connection, Upgrade
from tacit.net.ws_frames import Collected
from tacit.net.ws_served import ServedLink


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
        self._http = web.Server(self._answer)
        self._collected = Collected()
        self._links: Links | None = None
        self._acceptor: Acceptor | None = None
        self.port = 0

    async def open(self, host: str, port: int, ssl_context: ssl.SSLContext) -> None:
        """Bind the port and start to accept."""
        self._acceptor = await open_port(
            host,
            port,
            self._connection,
            lambda peer: self._door.enter(self._origins.of_socket(peer)),
            ssl_context,
            self._bounds,
        )
        self.port = self._acceptor.port
        self._links = Links(self._handler, self._door, self._bounds.idle_timeout_s)
        self._acceptor.start()

    async def close(self) -> None:
        """Stop listening, say goodbye on every link; handlers have ``CLOSE_TIMEOUT_S`` before they are cancelled."""
        if self._acceptor is None or self._links is None:
            return
        acceptor, self._acceptor = self._acceptor, None
        await acceptor.close()
        await self._links.close()
        await self._http.shutdown(CLOSE_TIMEOUT_S)
        await self._links.see_them_gone()

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
        if self._links is not None:
            link = ServedLink(self._collected, self._bounds, on_end=self._links.ended, peer_address=connection.origin)
            connection.hand_over(link)
            self._links.begin(link)
        return upgrade


def _plain(status: int, text: str) -> web.Response:
    response = web.Response(status=status, text=text + "\n", headers={"Server": "tacit"})
    response.force_close()
    return response
