"""Two ends of a link inside one process, for tests and for a client beside its relay.

Behaves as a real connection does: bounded, ordered, a slow reader holds the writer up, and what was sent before a
close still arrives. Faults are scripted elsewhere.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from tacit import limits
from tacit.net.errors import FrameTooLarge, LinkClosed
from tacit.net.links import CloseCode


def memory_pair(
    *,
    capacity_frames: int = 64,
    max_frame: int = limits.MAX_FRAME_BYTES,
    peer_certificate_hash: bytes = b"",
    address: str = "",
) -> tuple[MemoryLink, MemoryLink]:
    """Make both ends of a link; ``capacity_frames`` may be under way in each direction before ``send`` waits.

    ``peer_certificate_hash`` is what the first end shows, for tests that sign a certificate that nobody sent;
    ``address`` is where the first end comes from.
    """
    there, back = _Pipe(capacity_frames, max_frame), _Pipe(capacity_frames, max_frame)
    return MemoryLink(outgoing=there, incoming=back, peer_certificate_hash=peer_certificate_hash), MemoryLink(
        outgoing=back, incoming=there, peer_address=address
    )


class MemoryLink:
    """One end of an in-memory pair; a ``FrameLink``."""

    __slots__ = ("_incoming", "_outgoing", "peer_address", "peer_certificate_hash")

    transport = "memory"
    own_certificate_hash = b""

    def __init__(
        self, *, outgoing: _Pipe, incoming: _Pipe, peer_certificate_hash: bytes = b"", peer_address: str = ""
    ) -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        self.peer_certificate_hash = peer_certificate_hash
        self.peer_address = peer_address

    @property
    def is_gone(self) -> bool:
        """Whether either end has ended it."""
        return self._incoming.is_over

    async def send(self, frame: bytes) -> None:
        """Hand one frame over, waiting while the other end's queue is full."""
        await self._outgoing.put(bytes(frame))

    async def send_many(self, frames: Sequence[bytes]) -> None:
        """Hand frames over one after the other."""
        for frame in frames:
            await self.send(frame)

    async def receive_many(self) -> list[bytes]:
        """Wait for the next frame and take along those that are behind it."""
        frames = [await self.receive()]
        while self._incoming.has_one:
            frames.append(await self.receive())
        return frames

    async def receive(self) -> bytes:
        """Wait for the next frame; a larger one than allowed ends the link."""
        try:
            return await self._incoming.get()
        except FrameTooLarge:
            await self.close("frame too large", CloseCode.TOO_BIG)
            raise LinkClosed(CloseCode.TOO_BIG, "frame too large") from None

    def limit_frames(self, max_bytes: int) -> None:
        """Set the largest frame accepted from the other end."""
        self._incoming.max_frame = max_bytes

    async def close(self, reason: str = "", code: int = CloseCode.NORMAL) -> None:
        """End the link in both directions; the other end first reads what it was sent."""
        self._outgoing.end(LinkClosed(code, reason))
        self._incoming.end(LinkClosed(code, reason), drop=True)

    def abort(self) -> None:
        """End the link and drop what is under way in both directions."""
        for pipe in (self._outgoing, self._incoming):
            pipe.end(LinkClosed(CloseCode.ABNORMAL), drop=True)


class _Pipe:
    """One direction: a bounded queue that can end."""

    __slots__ = ("_capacity", "_ended", "_frames", "_waiting", "max_frame")

    def __init__(self, capacity: int, max_frame: int) -> None:
        if capacity < 1:
            raise ValueError("a link must hold at least one frame")
        self._capacity = capacity
        self._frames: deque[bytes] = deque()
        self._ended: LinkClosed | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self.max_frame = max_frame

    @property
    def is_over(self) -> bool:
        return self._ended is not None

    @property
    def has_one(self) -> bool:
        return bool(self._frames) and len(self._frames[0]) <= self.max_frame

    async def put(self, frame: bytes) -> None:
        while self._ended is None and len(self._frames) >= self._capacity:
            await self._change()
        if self._ended is not None:
            raise LinkClosed(self._ended.close_code, self._ended.reason)
        self._frames.append(frame)
        self._wake()

    async def get(self) -> bytes:
        while not self._frames and self._ended is None:
            await self._change()
        if not self._frames:
            ended = self._ended or LinkClosed(CloseCode.ABNORMAL)
            raise LinkClosed(ended.close_code, ended.reason)
        frame = self._frames.popleft()
        self._wake()
        if len(frame) > self.max_frame:
            raise FrameTooLarge
        return frame

    def end(self, why: LinkClosed, *, drop: bool = False) -> None:
        if self._ended is None:
            self._ended = why
        if drop:
            self._frames.clear()
        self._wake()

    async def _change(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
