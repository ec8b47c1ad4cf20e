"""A link over a stream of bytes: a protocol on its transport, with no task and no timer of its own.

A relay holds thousands of these, most of them idle, and for each message that it passes on it reads one frame and
writes two. So there is little in here, frames that came together are handed on together, and those that leave together
are one write, which is one TLS record. How frames lie in the stream, and how it ends, is the transports' own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from tacit.net.bounds import Bounds
from tacit.net.errors import FrameTooLarge, LinkClosed
from tacit.net.held import Incoming
from tacit.net.links import CloseCode
from tacit.net.serving import QUIET_TICKS_TO_END
from tacit.net.tls import own_certificate_hash

QUIET_TICKS_TO_ASK: Final = 4
"""Of a listener's clock, without a byte from the other side."""


class StreamLink(asyncio.Protocol):
    """One end of a connection; a ``FrameLink`` but for its name, its goodbye and the certificate of the other side."""

    __slots__ = (
        "_ask_after",
        "_bounds",
        "_congested",
        "_ended",
        "_held",
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

    are_you_there: bytes
    """What asks the other side for a sign of life."""

    def __init__(
        self,
        incoming: Incoming,
        bounds: Bounds,
        *,
        on_end: Callable[[Any], None],
        peer_address: str = "",
        ask_after: int = QUIET_TICKS_TO_ASK,
    ) -> None:
        """``on_end`` is called when the connection is gone; ``ask_after`` so many ticks without a byte."""
        self._incoming = incoming
        self._held = incoming.held
        self._bounds = bounds
        self._on_end = on_end
        self._ask_after = ask_after
        self.peer_address = peer_address
        self.own_certificate_hash = b""
        self._transport: asyncio.Transport | None = None
        self._ended: LinkClosed | None = None
        self._held_up = False
        self._congested = False
        self._quiet_ticks = 0
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._sending: asyncio.Lock | None = None
        self._senders = 0

    # ---- of each transport ----

    def encode(self, frames: Sequence[bytes]) -> bytes:
        """Frames as they lie in the stream."""
        raise NotImplementedError

    def heed(self) -> None:
        """Do what asks to be done after something has come or has been taken."""
        raise NotImplementedError

    def take_leave(self) -> None:
        """Answer what ends the link, now that the frames before it have been received."""
        raise NotImplementedError

    def note_loss(self) -> None:
        """Have what waits end with the connection, which is gone."""
        raise NotImplementedError

    # ---- called by the event loop ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS stands."""
        self._transport = cast(asyncio.Transport, transport)
        self.own_certificate_hash = own_certificate_hash(transport.get_extra_info("ssl_object"))

    def data_received(self, data: bytes) -> None:
        """Parse what has come, as far as there is room for it."""
        self._quiet_ticks = 0
        self._incoming.feed(data)
        self.heed()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End everything that waits."""
        self._transport = None
        self.note_loss()
        self.heed()
        wake(self._writer)
        self._on_end(self)

    def pause_writing(self) -> None:
        """The other side reads too slowly."""
        self._congested = True

    def resume_writing(self) -> None:
        """There is room again."""
        self._congested = False
        wake(self._writer)

    # ---- called by a clock ----

    def tick(self) -> None:
        """Ask a peer that has been quiet whether it is there, and cut one off that does not say so."""
        self._incoming.count_anew()
        self._quiet_ticks = 0 if self._held_up else self._quiet_ticks + 1
        if self._quiet_ticks == self._ask_after:
            self._write(self.are_you_there)
        elif self._quiet_ticks >= QUIET_TICKS_TO_END:
            self.abort()

    # ---- FrameLink ----

    @property
    def is_gone(self) -> bool:
        """Whether there is no connection any more."""
        return self._transport is None

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
        frame = self._held.take()
        self._parse()
        return frame

    async def receive_many(self) -> list[bytes]:
        """Wait for the next frame, and take all that have come with it."""
        await self._wait_for_frames()
        frames = self._held.take_all()
        self._parse()
        return frames

    def limit_frames(self, max_bytes: int) -> None:
        """Raise the largest frame accepted, never above what the connection was opened with."""
        self._incoming.limit_frames(max_bytes)

    def abort(self, reason: str = "") -> None:
        """Cut the connection; a waiting ``receive`` or ``send`` ends with ``CloseCode.ABNORMAL``."""
        self._end(LinkClosed(CloseCode.ABNORMAL, reason))
        self._cut()

    # ---- reading ----

    def _parse(self) -> None:
        self._incoming.parse()
        self.heed()

    def _hold_up(self, *, hold_up: bool) -> None:
        if hold_up is not self._held_up and self._transport is not None and not self._transport.is_closing():
            self._held_up = hold_up
            (self._transport.pause_reading if hold_up else self._transport.resume_reading)()

    async def _wait_for_frames(self) -> None:
        self._check_open()
        while not self._held.frames:
            if self._incoming.last is not None:
                self.take_leave()
                if self._transport is not None:
                    self._transport.close()
            else:
                self._reader = asyncio.get_running_loop().create_future()
                await self._reader
            self._check_open()

    # ---- writing ----

    def _hand_over(self, frames: Sequence[bytes]) -> None:
        self._check_open()
        if self._transport is None:
            # What the other side said before it went, if anything, is still to be received.
            raise LinkClosed(CloseCode.ABNORMAL)
        self._write(self.encode(frames))

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
        self._held.drop()
        wake(self._reader)
        wake(self._writer)

    def _cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _check_open(self) -> None:
        if self._ended is not None:
            raise LinkClosed(self._ended.close_code, self._ended.reason)


def wake(waiting: asyncio.Future[None] | None) -> None:
    """Let whoever waits go on."""
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
