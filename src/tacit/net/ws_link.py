"""The client's end of a WebSocket link, over aiohttp; ``ws_served`` is the other.

One frame is one binary message. Text, fragments above the limit and reserved bits end the link with the close code
that RFC 6455 gives them; compression is never negotiated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from aiohttp import ClientError, WebSocketError, WSMessage, WSMsgType

from tacit import limits
from tacit.net.errors import FrameTooLarge, LinkClosed
from tacit.net.links import CloseCode
from tacit.net.serving import CLOSE_TIMEOUT_S

MAX_REASON_BYTES: Final = 123
"""What a close frame holds beside its code. Source: RFC 6455 §5.5."""


def fit_reason(reason: str) -> bytes:
    """A reason as a close frame takes it; of a long one the end is left out."""
    return reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore").encode()


class WebSocket(Protocol):
    """What a link needs of aiohttp's WebSocket."""

    async def send_bytes(self, data: bytes) -> None:
        """Write one binary message, waiting while the connection is congested."""
        ...

    async def receive(self) -> WSMessage:
        """Wait for the next message or for the end."""
        ...

    async def close(self, *, code: int, message: bytes) -> bool:
        """Exchange close frames and end the connection."""
        ...

    def abort(self) -> None:
        """Cut the connection."""
        ...


async def _nothing() -> None:
    pass


class WebSocketLink:
    """One end of a WebSocket connection; a ``FrameLink``."""

    __slots__ = (
        "_ended",
        "_max_frame",
        "_release",
        "_sending",
        "_socket",
        "peer_certificate_hash",
    )

    transport = "ws"
    own_certificate_hash = b""
    peer_address = ""

    def __init__(
        self,
        socket: WebSocket,
        *,
        max_frame: int,
        peer_certificate_hash: bytes = b"",
        release: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        self._socket = socket
        self._max_frame = max_frame
        self.peer_certificate_hash = peer_certificate_hash
        self._release = release
        self._sending = asyncio.Lock()
        self._ended: LinkClosed | None = None

    @property
    def is_gone(self) -> bool:
        """Whether it has ended."""
        return self._ended is not None

    async def send(self, frame: bytes) -> None:
        """Hand one frame over; raises ``FrameTooLarge`` for one that no peer would take."""
        if len(frame) > limits.MAX_FRAME_BYTES:
            raise FrameTooLarge
        async with self._sending:
            self._check_open()
            try:
                async with asyncio.timeout(limits.SLOW_READER_TIMEOUT_S):
                    await self._write(frame)
            except TimeoutError:
                self.abort("too slow a reader")
            except (ClientError, ConnectionError, RuntimeError):
                # The other side is gone. What it said before it went, if anything, is still to be received.
                raise LinkClosed(CloseCode.ABNORMAL) from None
            self._check_open()

    async def send_many(self, frames: Sequence[bytes]) -> None:
        """Hand frames over one after the other."""
        for frame in frames:
            await self.send(frame)

    async def receive_many(self) -> list[bytes]:
        """Wait for the next frame."""
        return [await self.receive()]

    async def receive(self) -> bytes:
        """Wait for the next frame; raises ``LinkClosed`` at the end, and every time after it."""
        self._check_open()
        message = await self._socket.receive()
        if message.type is WSMsgType.BINARY:
            frame: bytes = message.data
            if len(frame) <= self._max_frame:
                return frame
            await self.close("frame too large", CloseCode.TOO_BIG)
        elif message.type is WSMsgType.TEXT:
            await self.close("frames are binary", CloseCode.UNSUPPORTED_DATA)
        else:
            await self._end(_reason(message))
        raise self._why()

    def limit_frames(self, max_bytes: int) -> None:
        """Raise the largest frame accepted, never above what the connection was opened with."""
        self._max_frame = max_bytes

    async def close(self, reason: str = "", code: int = CloseCode.NORMAL) -> None:
        """Exchange close frames, for at most ``CLOSE_TIMEOUT_S``, and end the connection."""
        if self._ended is not None:
            return
        self._ended = LinkClosed(code, reason)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._socket.close(code=code, message=fit_reason(reason))
        except TimeoutError:
            self._socket.abort()
        except BaseException:
            self._socket.abort()
            raise
        finally:
            await self._release()

    def abort(self, reason: str = "") -> None:
        """Cut the connection; a waiting ``receive`` or ``send`` ends with ``CloseCode.ABNORMAL``."""
        if self._ended is None:
            self._ended = LinkClosed(CloseCode.ABNORMAL, reason)
        self._socket.abort()

    async def _write(self, frame: bytes) -> None:
        try:
            await self._socket.send_bytes(frame)
        except asyncio.CancelledError:
            # Writers that wait for the connection share one future, so another task's cancelled wait looks like ours.
            # The frame was written before the wait began.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise

    async def _end(self, why: LinkClosed) -> None:
        if self._ended is None:
            self._ended = why
            await self._release()

    def _why(self) -> LinkClosed:
        ended = self._ended or LinkClosed(CloseCode.ABNORMAL)
        return LinkClosed(ended.close_code, ended.reason)

    def _check_open(self) -> None:
        if self._ended is not None:
            raise self._why()


def _reason(message: WSMessage) -> LinkClosed:
    """Why the connection ended, from the message that aiohttp ends it with."""
    if message.type is WSMsgType.CLOSE:
        return LinkClosed(message.data or CloseCode.NORMAL, message.extra or "")
    if message.type is WSMsgType.ERROR and isinstance(message.data, WebSocketError):
        return LinkClosed(message.data.code)
    return LinkClosed(CloseCode.ABNORMAL)
