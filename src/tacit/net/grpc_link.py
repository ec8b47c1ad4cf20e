"""Either end of a link over gRPC: one stream of messages in both directions, each a frame.

gRPC knows no cancelled read or write that leaves a stream whole, so one task reads and one writes, and whoever sends
or receives deals with what they hold.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

from tacit.net.bounds import Bounds
from tacit.net.errors import FrameTooLarge, LinkClosed
from tacit.net.held import Held
from tacit.net.links import CloseCode
from tacit.net.serving import CLOSE_TIMEOUT_S

WRITE_BUFFER_BYTES: Final = 128 * 1024
"""Bytes held for one slow reader before its writer waits, besides what gRPC itself holds."""


class Stream(Protocol):
    """What a link needs of gRPC's stream, of either side."""

    async def read(self) -> Any:
        """The next message as bytes; something else at the end."""
        ...

    async def write(self, message: bytes) -> None:
        """Hand a message over, waiting while the other side does not read."""
        ...


class GrpcLink:
    """One end of a stream; a ``FrameLink``. ``carry`` moves its frames for as long as it lives."""

    transport = "grpc"

    def __init__(
        self,
        bounds: Bounds,
        *,
        cut: Callable[[], None],
        peer_address: str = "",
        own_certificate_hash: bytes = b"",
        peer_certificate_hash: bytes = b"",
    ) -> None:
        """``cut`` ends the connection at once."""
        self._bounds = bounds
        self._max_frame = bounds.first_max_frame
        self.cut = cut
        self.peer_address = peer_address
        self.own_certificate_hash = own_certificate_hash
        self.peer_certificate_hash = peer_certificate_hash
        self.on_frame: Callable[[int], None] = _nothing
        """Called with the size of each frame that has come or gone."""
        self.on_limit: Callable[[int], None] = _nothing
        """Called with each new largest size."""
        self.on_tick: Callable[[], None] = _no_more
        """Called when the listener's clock ticks."""
        self.carrying: asyncio.Task[None] | None = None
        """What moves the frames, where nobody else keeps it."""
        self.ended: LinkClosed | None = None
        """Why this side has ended the link."""
        self._last: LinkClosed | None = None
        self._held = Held(bounds)
        self._leaving: deque[bytes] = deque()
        self._leaving_bytes = 0
        self._senders = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._sending = asyncio.Lock()
        self._come, self._taken, self._due, self._left, self._over = (asyncio.Event() for _ in range(5))

    # ---- FrameLink ----

    @property
    def is_gone(self) -> bool:
        """Whether either side has ended the stream."""
        return self.ended is not None or self._last is not None

    async def send(self, frame: bytes) -> None:
        """Hand one frame over; raises ``FrameTooLarge`` for one that no peer would take."""
        await self.send_many((frame,))

    async def send_many(self, frames: Sequence[bytes]) -> None:
        """Hand frames over one behind the other."""
        if frames and max(map(len, frames)) > self._bounds.max_frame:
            raise FrameTooLarge
        if self._senders or self._leaving_bytes > WRITE_BUFFER_BYTES:
            self._senders += 1
            try:
                async with self._sending:
                    await self._wait_for_room()
                    self._hand_over(frames)
            finally:
                self._senders -= 1
        else:
            self._hand_over(frames)

    async def receive(self) -> bytes:
        """Wait for the next frame; raises ``LinkClosed`` at the end, and every time after it."""
        await self._wait_for_frames()
        frame = self._held.take()
        self._taken.set()
        return frame

    async def receive_many(self) -> list[bytes]:
        """Wait for the next frame, and take all that have come."""
        await self._wait_for_frames()
        frames = self._held.take_all()
        self._taken.set()
        return frames

    def limit_frames(self, max_bytes: int) -> None:
        """Raise the largest frame accepted, never above what the stream was opened with."""
        self._max_frame = min(max_bytes, self._bounds.max_frame)
        self._held.limit_frames(max_bytes)
        self.on_limit(self._max_frame)

    async def close(self, reason: str = "", code: int = CloseCode.NORMAL) -> None:
        """End the stream behind what was sent, within ``CLOSE_TIMEOUT_S``."""
        if self.ended is not None:
            return
        self._end(LinkClosed(code, reason))
        # Whoever waits here may be cancelled; what was sent leaves all the same.
        self._deadline = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self._give_up)
        await self._over.wait()

    def abort(self, reason: str = "") -> None:
        """Cut the connection; a waiting ``receive`` or ``send`` ends with ``CloseCode.ABNORMAL``."""
        self._end(LinkClosed(CloseCode.ABNORMAL, reason))
        self._leaving.clear()
        self.cut()

    # ---- called by whoever has the stream ----

    def tick(self) -> None:
        """Let the connection see to a peer that has been quiet."""
        self.on_tick()

    async def carry(self, stream: Stream, take_leave: Callable[[], Awaitable[None]] | None = None) -> None:
        """Move frames until this side has ended the link, and all that it said has left; then say goodbye.

        Reading goes on until then: a client's read that is cancelled cancels its stream, and with it what has left.
        """
        reading = asyncio.create_task(self._read(stream))
        try:
            await self._write(stream)
            if take_leave is not None and self.ended is not None and self.ended.close_code != CloseCode.ABNORMAL:
                await take_leave()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    def finish(self, why: LinkClosed) -> None:
        """Note that the other side has ended the stream; what came before is still received."""
        if self._last is None:
            self._last = why
        self._come.set()
        self._due.set()
        self._left.set()

    def over(self) -> None:
        """Note that nothing is left of the stream."""
        self.finish(LinkClosed(CloseCode.ABNORMAL))
        self._over.set()
        if self._deadline is not None:
            self._deadline.cancel()

    # ---- reading ----

    async def _read(self, stream: Stream) -> None:
        while self._last is None:
            while self._held.is_full:
                self._taken.clear()
                await self._taken.wait()
            frame = await stream.read()
            if not isinstance(frame, bytes):
                return
            self.on_frame(len(frame))
            if len(frame) > self._max_frame:
                self.finish(LinkClosed(CloseCode.TOO_BIG, "frame too large"))
            else:
                self._held.add(frame)
                self._come.set()
                if self._held.is_too_much:
                    return

    async def _wait_for_frames(self) -> None:
        self._check_open()
        while not self._held.frames:
            if self._last is not None:
                self._end(self._last)
            else:
                self._come.clear()
                await self._come.wait()
            self._check_open()

    # ---- writing ----

    def _hand_over(self, frames: Sequence[bytes]) -> None:
        self._check_open()
        if self._over.is_set() or (self._last is not None and self._last.close_code == CloseCode.ABNORMAL):
            # What the other side said before it went, if anything, is still to be received.
            raise LinkClosed(CloseCode.ABNORMAL)
        self._leaving.extend(frames)
        self._leaving_bytes += sum(map(len, frames))
        self._due.set()

    async def _write(self, stream: Stream) -> None:
        """Hand over what is to leave; returns when nothing more will come."""
        while True:
            while self._leaving:
                frame = self._leaving.popleft()
                await stream.write(frame)
                self._leaving_bytes -= len(frame)
                self.on_frame(0)
                self._left.set()
            if self.ended is not None or (self._last is not None and self._last.close_code == CloseCode.ABNORMAL):
                return
            self._due.clear()
            await self._due.wait()

    async def _wait_for_room(self) -> None:
        try:
            async with asyncio.timeout(self._bounds.slow_reader_s):
                while self._leaving_bytes > WRITE_BUFFER_BYTES and self.ended is None and not self._over.is_set():
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            self.abort("too slow a reader")

    # ---- ending ----

    def _end(self, why: LinkClosed) -> None:
        if self.ended is None:
            self.ended = why
        self._held.drop()
        for waiting in (self._come, self._taken, self._due, self._left):
            waiting.set()

    def _give_up(self) -> None:
        """Cut off whoever does not take the last frames."""
        self._leaving.clear()
        self.cut()
        self._over.set()

    def _check_open(self) -> None:
        if self.ended is not None:
            raise LinkClosed(self.ended.close_code, self.ended.reason)


def _nothing(_size_bytes: int) -> None:
    """Nobody counts."""


def _no_more() -> None:
    """Nobody looks."""
