"""One accepted WebSocket connection: aiohttp's, with a deadline before the upgrade and a gate for frames after it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, cast

from aiohttp import web

from tacit.net.ws_gate import FrameGate

MAX_HEADER_LINE_BYTES: Final = 4_096
MAX_HEADERS: Final = 64
WRITE_BUFFER_BYTES: Final = 128 * 1024
"""Bytes held for one slow reader before its writer waits."""

_NO_LOGGER: Final = logging.Logger("tacit.net.http")
"""Outside the tree of loggers, and writes nothing: aiohttp's words hold peers' addresses."""
_NO_LOGGER.disabled = True


class ServerSocket(web.WebSocketResponse):
    """aiohttp's server WebSocket, which can also be cut off."""

    def abort(self) -> None:
        """Drop the connection without a close frame or TLS goodbye."""
        transport = self._req.transport if self._req is not None else None
        if transport is not None:
            transport.abort()
        self._set_closed()


class Connection(web.RequestHandler):
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
        """Say nothing, for the same reason."""
