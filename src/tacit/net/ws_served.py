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
from tacit.net.ws_frames import PING, Collected, encode_close, encode_frames, encode_pong, make_parser
from tacit.net.ws_gate import FrameGate
from tacit.net.ws_link import CLOSE_TIMEOUT_S

PARSED_AT_ONCE_BYTES: Final = 16 * 1024
"""Bytes that are parsed before it is asked whether somebody takes the frames; the smallest frame has six."""

HELD_FRAMES: Final = 256
HELD_BYTES: Final = 256 * 1024
"""What waits to be received before the rest stays unparsed and nothing more is read; one frame may be larger."""

CONTROLS_PER_TICK: Final = 256
"""Pings and pongs; an honest client sends one now and then, and forty thousand fit one read and hold everybody up."""

CODES_END: Final = 5_000
"""Close codes are below. Source: RFC 6455 §7.4.2."""

QUIET_TICKS_TO_PING: Final = 4
QUIET_TICKS_TO_END: Final = 6
"""Of the listener's clock, without a byte from the other side."""


class ServedLink(asyncio.Protocol):
    """One end of a WebSocket connection; a ``FrameLink``."""

    __slots__ = (
        "_bounds",
        "_collected",
        "_congested",
        "_controls",
        "_ended",
        "_farewell",
        "_frames",
        "_gate",
        "_held_bytes",
        "_held_up",
        "_last",
        "_on_end",
        "_quiet_ticks",
        "_reader",
        "_senders",
        "_sending",
        "_transport",
        "_unparsed",
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
        self._collected = collected
        self._bounds = bounds
        parser = make_parser(collected, bounds.max_frame)
        self._gate = FrameGate(parser, max_frame=bounds.first_max_frame, open_from=bounds.max_frame)
        self.peer_address = peer_address
        self.own_certificate_hash = b""
        self._on_end = on_end
        self._transport: asyncio.Transport | None = None
        self._unparsed = b""
        self._frames: list[bytes] = []
        self._last: WSMessage | None = None
        """What ends the link once the frames before it have been received."""
        self._ended: LinkClosed | None = None
        self._held_bytes = 0
        self._held_up = False
        self._congested = False
        self._quiet_ticks = 0
        self._controls = 0
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
        if self._last is not None:
            return
        self._unparsed = self._unparsed + data if self._unparsed else data
        self._parse()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End everything that waits."""
        self._transport = None
        self._finish(_LOST)
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
        self._controls = 0
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
        frame = self._frames.pop(0)
        self._held_bytes -= len(frame)
        self._parse()
        return frame

    async def receive_many(self) -> list[bytes]:
        """Wait for the next frame, and take all that have come with it."""
        await self._wait_for_frames()
        frames, self._frames, self._held_bytes = self._frames, [], 0
        self._parse()
        return frames

    def limit_frames(self, max_bytes: int) -> None:
        """Raise the largest frame accepted, never above what the connection was opened with."""
        self._gate.max_frame = max_bytes

    async def close(self, reason: str = "", code: int = CloseCode.NORMAL) -> None:
        """Exchange close frames, for at most ``CLOSE_TIMEOUT_S``, and end the connection."""
        if self._ended is not None:
            return
        self._end(LinkClosed(code, reason))
        self._write(encode_close(code, reason))
        try:
            if self._last is None:
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
        """Make frames of bytes while there is room for them; beyond that, the other side has to wait."""
        while self._unparsed and self._last is None and not self._is_full:
            piece, self._unparsed = self._unparsed[:PARSED_AT_ONCE_BYTES], self._unparsed[PARSED_AT_ONCE_BYTES:]
            self._gate.feed_data(piece)
            self._take(self._collected.take())
        self._hold_up(bool(self._unparsed))

    @property
    def _is_full(self) -> bool:
        return len(self._frames) >= HELD_FRAMES or self._held_bytes >= HELD_BYTES

    def _take(self, messages: list[WSMessage]) -> None:
        ping: bytes | None = None
        for message in messages:
            if message.type is WSMsgType.BINARY:
                if self._ended is None:
                    self._frames.append(message.data)
                    self._held_bytes += len(message.data)
            elif message.type is WSMsgType.PING or message.type is WSMsgType.PONG:
                self._controls += 1
                ping = message.data if message.type is WSMsgType.PING else ping
            else:
                self._finish(message)
                return
        if self._controls > CONTROLS_PER_TICK:
            self._finish(WSMessage(WSMsgType.ERROR, CloseCode.POLICY_VIOLATION, None))
            return
        # The last of many is answered, and none where answers pile up. Source: RFC 6455 §5.5.3.
        if ping is not None and not self._congested:
            self._write(encode_pong(ping))
        if self._frames:
            _wake(self._reader)

    def _finish(self, last: WSMessage) -> None:
        """Note what ends the link; whoever receives comes to it in its turn."""
        if self._last is None:
            self._last = last
        self._unparsed = b""
        _wake(self._reader)
        _wake(self._farewell)

    def _hold_up(self, hold_up: bool) -> None:
        if hold_up is not self._held_up and self._transport is not None:
            self._held_up = hold_up
            (self._transport.pause_reading if hold_up else self._transport.resume_reading)()

    async def _wait_for_frames(self) -> None:
        self._check_open()
        while not self._frames:
            if self._last is not None:
                self._take_leave(self._last)
            else:
                self._reader = asyncio.get_running_loop().create_future()
                await self._reader
            self._check_open()

    def _take_leave(self, last: WSMessage) -> None:
        """Answer a goodbye, or what no honest client sends, and end the connection."""
        match last.type:
            case WSMsgType.CLOSE if last.data == CloseCode.ABNORMAL or last.data >= CODES_END:
                # "MUST NOT be set as a status code in a Close control frame". Source: RFC 6455 §7.4.1.
                why = LinkClosed(CloseCode.PROTOCOL_ERROR)
            case WSMsgType.CLOSE:
                why = LinkClosed(last.data or CloseCode.NORMAL, last.extra or "")
            case WSMsgType.TEXT:
                why = LinkClosed(CloseCode.UNSUPPORTED_DATA, "frames are binary")
            case WSMsgType.ERROR:
                why = LinkClosed(last.data)
            case _:
                why = LinkClosed(CloseCode.ABNORMAL)
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
        self._frames, self._held_bytes = [], 0
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
