"""The listener's end of a WebSocket link: a protocol on the transport, with no task and no timer of its own.

A relay holds thousands of these, most of them idle, and for each message that it passes on it reads one frame and
writes two. So there is little in here, frames that came together are handed on together, and those that leave together
are one write, which is one TLS record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, cast

from aiohttp import WSMessage, WSMsgType

from tacit.net.bounds import Bounds
from tacit.net.errors import FrameTooLarge, LinkClosed
from tacit.net.links import CloseCode
from tacit.net.tls import own_certificate_hash
from tacit.net.ws_frames import PING, Collected, encode_close, encode_frames, encode_pong
from tacit.net.ws_incoming import Incoming, why_it_ends
from tacit.net.ws_link import CLOSE_TIMEOUT_S

QUIET_TICKS_TO_PING: Final = 4
QUIET_TICKS_TO_END: Final = 6
"""Of the listener's clock, without a byte from the other side."""


class ServedLink(asyncio.Protocol):
    """One end of a WebSocket connection; a ``FrameLink``."""

    __slots__ = (
        "_bounds",
        "_congested",
        "_ended",
        "_farewell",
        "_held_up",
        "_incoming",
        "_on_end",
        "_quiet_ticks",
        "_reader",
        "_senders",
        "_sending",
        "_transport",
        "_writer",
        "own_certificate_hash",
        "peer_address",
    )

    transport = "ws"
    peer_certificate_hash = b""

    def __init__(
        self,
        collected: Collected,
        bounds: Bounds,
        *,
        peer_address: str,
        on_end: Callable[[ServedLink], None],
    ) -> None:
        """``on_end`` is called when the connection is gone."""
        self._bounds = bounds
        self._incoming = Incoming(collected, bounds)
        self.peer_address = peer_address
        self.own_certificate_hash = b""
        self._on_end = on_end
        self._transport: asyncio.Transport | None = None
        self._ended: LinkClosed | None = None
        self._held_up = False
        self._congested = False
        self._quiet_ticks = 0
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._farewell: asyncio.Future[None] | None = None
        self._sending: asyncio.Lock | None = None
        self._senders = 0

    # ---- called by the event loop ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over an upgraded connection."""
        self._transport = cast(asyncio.Transport, transport)
        self.own_certificate_hash = own_certificate_hash(transport.get_extra_info("ssl_object"))

    def data_received(self, data: bytes) -> None:
        """Parse what has come, as far as there is room for it."""
        self._quiet_ticks = 0
        self._incoming.feed(data)
        self._heed()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End everything that waits."""
        self._transport = None
        self._incoming.end(_LOST)
        self._heed()
        _wake(self._writer)
        self._on_end(self)

    def pause_writing(self) -> None:
        """The other side reads too slowly."""
        self._congested = True

    def resume_writing(self) -> None:
        """There is room again."""
        self._congested = False
        _wake(self._writer)

    # ---- called by the listener ----

    def tick(self) -> None:
        """Ask a peer that has been quiet whether it is there, and cut one off that does not say so."""
        self._incoming.count_anew()
        self._quiet_ticks = 0 if self._held_up else self._quiet_ticks + 1
        if self._quiet_ticks == QUIET_TICKS_TO_PING:
            self._write(PING)
        elif self._quiet_ticks >= QUIET_TICKS_TO_END:
            self.abort()

    # ---- FrameLink ----

    async def send(self, frame: bytes) -> None:
        """Hand one frame over; raises ``FrameTooLarge`` for one that no peer would take."""
        await self.send_many((frame,))

    async def send_many(self, frames: Sequence[bytes]) -> None:
        """Hand frames over in one write."""
        if frames and max(map(len, frames)) > self._bounds.max_frame:
            raise FrameTooLarge
        if self._congested or self._senders:
            await self._send_in_turn(frames)
        else:
            self._hand_over(frames)

    async def receive(self) -> bytes:
        """Wait for the next frame; raises ``LinkClosed`` at the end, and every time after it."""
        await self._wait_for_frames()
        frame = self._incoming.take()
        self._parse()
        return frame

    async def receive_many(self) -> list[bytes]:
        """Wait for the next frame, and take all that have come with it."""
        await self._wait_for_frames()
        frames = self._incoming.take_all()
        self._parse()
        return frames

    def limit_frames(self, max_bytes: int) -> None:
        """Raise the largest frame accepted, never above what the connection was opened with."""
        self._incoming.limit_frames(max_bytes)

    async def close(self, reason: str = "", code: int = CloseCode.NORMAL) -> None:
        """Exchange close frames, for at most ``CLOSE_TIMEOUT_S``, and end the connection."""
        if self._ended is not None:
            return
        self._end(LinkClosed(code, reason))
        self._write(encode_close(code, reason))
        try:
            if self._incoming.last is None:
                self._farewell = asyncio.get_running_loop().create_future()
                self._parse()
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._farewell
        except TimeoutError:
            self._cut()
        except BaseException:
            self._cut()
            raise
        if self._transport is not None:
            self._transport.close()

    def abort(self, reason: str = "") -> None:
        """Cut the connection; a waiting ``receive`` or ``send`` ends with ``CloseCode.ABNORMAL``."""
        self._end(LinkClosed(CloseCode.ABNORMAL, reason))
        self._cut()

    # ---- reading ----

    def _parse(self) -> None:
        self._incoming.parse()
        self._heed()

    def _heed(self) -> None:
        """Do what asks to be done after something has come or has been taken."""
        incoming = self._incoming
        if incoming.ping is not None:
            # The last of many is answered, and none where answers pile up. Source: RFC 6455 §5.5.3.
            ping, incoming.ping = incoming.ping, None
            if not self._congested and incoming.last is None:
                self._write(encode_pong(ping))
        if incoming.last is not None:
            _wake(self._farewell)
            _wake(self._reader)
        elif incoming.frames:
            _wake(self._reader)
        self._hold_up(incoming.is_held_up)

    def _hold_up(self, hold_up: bool) -> None:
        if hold_up is not self._held_up and self._transport is not None:
            self._held_up = hold_up
            (self._transport.pause_reading if hold_up else self._transport.resume_reading)()

    async def _wait_for_frames(self) -> None:
        self._check_open()
        while not self._incoming.frames:
            if self._incoming.last is not None:
                self._take_leave(self._incoming.last)
            else:
                self._reader = asyncio.get_running_loop().create_future()
                await self._reader
            self._check_open()

    def _take_leave(self, last: WSMessage) -> None:
        """Answer a goodbye, or what no honest client sends, and end the connection."""
        why = why_it_ends(last)
        self._end(why)
        self._write(encode_close(why.close_code, "" if last.type is WSMsgType.CLOSE else why.reason))
        if self._transport is not None:
            self._transport.close()

    # ---- writing ----

    def _hand_over(self, frames: Sequence[bytes]) -> None:
        self._check_open()
        if self._transport is None:
            # What the other side said before it went, if anything, is still to be received.
            raise LinkClosed(CloseCode.ABNORMAL)
        self._write(encode_frames(frames))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    async def _send_in_turn(self, frames: Sequence[bytes]) -> None:
        """Wait until those who came before have written and the other side has read."""
        self._sending = self._sending or asyncio.Lock()
        self._senders += 1
        try:
            async with self._sending:
                await self._wait_for_room()
                self._hand_over(frames)
        finally:
            self._senders -= 1

    async def _wait_for_room(self) -> None:
        try:
            async with asyncio.timeout(self._bounds.slow_reader_s):
                while self._congested and self._ended is None and self._transport is not None:
                    self._writer = asyncio.get_running_loop().create_future()
                    await self._writer
        except TimeoutError:
            self.abort("too slow a reader")

    # ---- ending ----

    def _end(self, why: LinkClosed) -> None:
        if self._ended is None:
            self._ended = why
        self._incoming.drop()
        _wake(self._reader)
        _wake(self._writer)

    def _cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _check_open(self) -> None:
        if self._ended is not None:
            raise LinkClosed(self._ended.close_code, self._ended.reason)


_LOST: Final = WSMessage(WSMsgType.CLOSED, None, None)


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
