"""Listens for WebSocket over TLS 1.3 on ``/``, and answers a plain ``GET /healthz``.

Whoever connects has one deadline for TLS, HTTP header and upgrade together, and small headers only. Nothing of a
peer's address reaches a log.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from aiohttp import web

from tacit import limits
from tacit.log import EventLog
from tacit.net.errors import CannotListen, LinkClosed
from tacit.net.links import CloseCode, FrameLink
from tacit.net.ws_gate import FrameGate
from tacit.net.ws_link import CLOSE_TIMEOUT_S, WebSocketLink

BACKLOG = 1_024
MAX_HEADER_LINE_BYTES = 4_096
MAX_HEADERS = 64
WRITE_BUFFER_BYTES = 128 * 1024
"""Bytes held for one slow reader before its writer waits."""

Handler = Callable[[FrameLink], Awaitable[None]]


class Listener(Protocol):
    """An open port."""

    @property
    def port(self) -> int:
        """The port that was asked for, or the one found when that was 0."""
        ...

    async def close(self) -> None:
        """Stop listening, say goodbye on every link and wait until their handlers have ended."""
        ...


async def serve_ws(
    handler: Handler,
    host: str,
    port: int,
    ssl_context: ssl.SSLContext,
    max_frame: int = limits.MAX_FRAME_BYTES,
    *,
    first_max_frame: int = limits.MAX_LOGIN_FRAME_BYTES,
    handshake_timeout_s: float = limits.HANDSHAKE_TIMEOUT_S,
    idle_timeout_s: float = limits.IDLE_TIMEOUT_S,
    slow_reader_s: float = limits.SLOW_READER_TIMEOUT_S,
) -> WebSocketListener:
    """Listen, and run ``handler`` for each link; when it returns, the link is closed.

    A link takes frames of up to ``first_max_frame`` bytes until ``limit_frames`` raises that, at most to ``max_frame``.
    Port 0 takes any free one. An empty ``host`` means every address, IPv4 and IPv6. Raises ``CannotListen``.
    """
    listener = WebSocketListener(
        handler,
        max_frame=max_frame,
        first_max_frame=first_max_frame,
        handshake_timeout_s=handshake_timeout_s,
        idle_timeout_s=idle_timeout_s,
        slow_reader_s=slow_reader_s,
    )
    await listener.open(host, port, ssl_context)
    return listener


class WebSocketListener:
    """The listener that ``serve_ws`` opens."""

    def __init__(
        self,
        handler: Handler,
        *,
        max_frame: int,
        first_max_frame: int,
        handshake_timeout_s: float,
        idle_timeout_s: float,
        slow_reader_s: float,
    ) -> None:
        self._handler = handler
        self._max_frame = max_frame
        self._first_max_frame = first_max_frame
        self._handshake_timeout_s = handshake_timeout_s
        self._idle_timeout_s = idle_timeout_s
        self._slow_reader_s = slow_reader_s
        self._links: set[WebSocketLink] = set()
        self._log = EventLog("net")
        self._http = web.Server(self._answer)
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self, host: str, port: int, ssl_context: ssl.SSLContext) -> None:
        """Bind the port and start to accept."""
        loop = asyncio.get_running_loop()
        try:
            bound = await _bind(host, port)
        except (OSError, OverflowError) as error:
            raise CannotListen(f"{host or '*'}:{port}") from error
        self.port = int(bound.getsockname()[1])
        self._server = await loop.create_server(
            self._connection,
            sock=bound,
            ssl=ssl_context,
            backlog=BACKLOG,
            ssl_handshake_timeout=self._handshake_timeout_s,
            ssl_shutdown_timeout=CLOSE_TIMEOUT_S,
        )

    async def close(self) -> None:
        """Stop listening, say goodbye on every link and wait until their handlers have ended."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        await asyncio.gather(*(link.close("the relay is stopping", CloseCode.GOING_AWAY) for link in self._links))
        await self._http.shutdown(CLOSE_TIMEOUT_S)
        await server.wait_closed()

    def _connection(self) -> _Connection:
        return _Connection(
            self._http,
            deadline_s=self._handshake_timeout_s,
            max_frame=self._max_frame,
            first_max_frame=self._first_max_frame,
        )

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/healthz" and request.method == "GET":
            return _plain(200, "ok")
        if request.path != "/":
            return _plain(404, "not found")
        if "Sec-WebSocket-Protocol" in request.headers:
            return _plain(400, "no subprotocols here")
        opened = _ServerSocket(
            timeout=CLOSE_TIMEOUT_S,
            heartbeat=self._idle_timeout_s * 2 / 3,
            compress=False,
            max_msg_size=self._max_frame + 1,
        )
        opened.headers["Server"] = "tacit"
        if not opened.can_prepare(request):
            return _plain(426, "this is a tacit relay; it speaks WebSocket")
        await opened.prepare(request)
        await self._run(opened, cast(_Connection, request.protocol))
        return opened

    async def _run(self, opened: _ServerSocket, connection: _Connection) -> None:
        """Hand one link to the handler, and see it closed whatever happens there."""
        connection.upgraded()
        link = WebSocketLink(
            opened,
            max_frame=self._max_frame,
            max_send=self._max_frame,
            on_limit=connection.limit_frames,
            slow_reader_s=self._slow_reader_s,
        )
        self._links.add(link)
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
            self._links.discard(link)


class _ServerSocket(web.WebSocketResponse):
    """aiohttp's server WebSocket, which can also be cut off."""

    def abort(self) -> None:
        """Drop the connection without a close frame or TLS goodbye."""
        transport = self._req.transport if self._req is not None else None
        if transport is not None:
            transport.abort()
        self._set_closed()


class _Connection(web.RequestHandler):
    """One accepted connection: aiohttp's, with a deadline until it is a WebSocket and a gate for frames after."""

    __slots__ = ("_deadline", "_expires_at", "_first_max_frame", "_gate", "_max_frame")

    def __init__(self, http: web.Server, *, deadline_s: float, max_frame: int, first_max_frame: int) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(
            http,
            loop=loop,
            keepalive_timeout=0,
            logger=_NO_LOGGER,
            access_log=None,  # type: ignore[arg-type]  # documented: None turns it off
            max_line_size=MAX_HEADER_LINE_BYTES,
            max_field_size=MAX_HEADER_LINE_BYTES,
            max_headers=MAX_HEADERS,
            lingering_time=0,
        )
        self._max_frame = max_frame
        self._first_max_frame = first_max_frame
        self._gate: FrameGate | None = None
        # Made when TCP connects, before TLS: the time that TLS takes counts.
        self._expires_at = loop.time() + deadline_s
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS stands; the rest of the deadline is for the HTTP header."""
        cast(asyncio.Transport, transport).set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        super().connection_made(transport)
        self._deadline = asyncio.get_running_loop().call_at(self._expires_at, cast(asyncio.Transport, transport).abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the deadline."""
        self.upgraded()
        super().connection_lost(exc)

    def set_parser(self, parser: Any, data_received_cb: Callable[[], None] | None = None) -> None:
        """Put the gate in front of the WebSocket parser."""
        self._gate = FrameGate(parser, max_frame=self._first_max_frame, open_from=self._max_frame)
        super().set_parser(cast(Any, self._gate), data_received_cb)

    def limit_frames(self, max_bytes: int) -> None:
        """Raise the gate's limit."""
        if self._gate is not None:
            self._gate.max_frame = max_bytes

    def upgraded(self) -> None:
        """The deadline is met."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing: aiohttp's words hold the peer's address."""


def _silent_logger() -> logging.Logger:
    """A logger outside the tree that writes nothing."""
    logger = logging.Logger("tacit.net.http")
    logger.disabled = True
    return logger


_NO_LOGGER = _silent_logger()


def _plain(status: int, text: str) -> web.Response:
    response = web.Response(status=status, text=text + "\n", headers={"Server": "tacit"})
    response.force_close()
    return response


async def _bind(host: str, port: int) -> socket.socket:
    """One bound socket; a name that has several addresses takes the first."""
    if not host:
        dual = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if dual else socket.AF_INET
        return socket.create_server(("", port), family=family, backlog=BACKLOG, dualstack_ipv6=dual)
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    return socket.create_server(cast(Any, address), family=family, backlog=BACKLOG)
