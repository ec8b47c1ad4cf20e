"""Real connections in a story: time stands still while something is on its way through them.

A frame that one end has sent and the other has not received is in the kernel's hands, or in a library's thread, where
the loop of the story cannot see it. So both ends of each connection are counted, and nobody is idle while they differ.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tacit.net.errors import LinkClosed
from tacit.net.links import CloseCode, FrameLink


class Wires:
    """Every connection between the clients and the relay of a world."""

    def __init__(self) -> None:
        self._wires: list[Wire] = []
        self._held = 0

    @property
    def is_busy(self) -> bool:
        """Whether something is on its way, or coming about."""
        self._wires = [wire for wire in self._wires if not wire.is_over]
        return self._held > 0 or any(wire.is_busy for wire in self._wires)

    def add(self) -> Wire:
        """One more."""
        wire = Wire()
        self._wires.append(wire)
        return wire

    def forget(self, wire: Wire) -> None:
        """One that has not come about."""
        self._wires.remove(wire)

    def abort(self) -> None:
        """Lose every connection at the relay's end."""
        for wire in self._wires:
            if wire.relay_end is not None:
                wire.relay_end.abort()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Let no time pass, whatever seems to be the case."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1


class Wire:
    """One connection."""

    def __init__(self) -> None:
        self.met = asyncio.Event()
        """Both ends are there."""
        self.client_end: WiredLink | None = None
        self.relay_end: WiredLink | None = None

    @property
    def is_busy(self) -> bool:
        """Whether the ends have not seen the same."""
        client, relay = self.client_end, self.relay_end
        if client is None or relay is None or client.is_closing or relay.is_closing:
            return True
        if client.is_over or relay.is_over:
            return client.is_over is not relay.is_over
        return (client.sent, relay.sent) != (relay.received, client.received)

    @property
    def is_over(self) -> bool:
        """Whether both ends know of the end."""
        ends = (self.client_end, self.relay_end)
        return all(end is not None and end.is_over and not end.is_closing for end in ends)

    def take_client(self, link: FrameLink) -> WiredLink:
        """Count at the client's end."""
        self.client_end = WiredLink(link)
        return self.client_end

    def take_relay(self, link: FrameLink) -> WiredLink:
        """Count at the relay's end."""
        self.relay_end = WiredLink(link)
        self.met.set()
        return self.relay_end


class WiredLink:
    """A ``FrameLink`` whose frames are counted."""

    def __init__(self, link: FrameLink) -> None:
        self._link = link
        self.transport, self.peer_address = link.transport, link.peer_address
        self.peer_certificate_hash, self.own_certificate_hash = link.peer_certificate_hash, link.own_certificate_hash
        self.sent = self.received = 0
        self.is_over = False
        self.is_closing = False

    @property
    def is_gone(self) -> bool:
        """Whether the link below it is."""
        return self._link.is_gone

    async def send(self, frame: bytes) -> None:
        """Send and count."""
        await self.send_many((frame,))

    async def send_many(self, frames: Sequence[bytes]) -> None:
        """Send and count."""
        self.sent += len(frames)
        try:
            await self._link.send_many(frames)
        except BaseException:
            self.sent -= len(frames)
            raise

    async def receive(self) -> bytes:
        """Receive and count."""
        try:
            frame = await self._link.receive()
        except LinkClosed:
            self.is_over = True
            raise
        self.received += 1
        return frame

    async def receive_many(self) -> Sequence[bytes]:
        """Receive and count."""
        try:
            frames = await self._link.receive_many()
        except LinkClosed:
            self.is_over = True
            raise
        self.received += len(frames)
        return frames

    def limit_frames(self, max_bytes: int) -> None:
        """Set the largest frame accepted from the other side."""
        self._link.limit_frames(max_bytes)

    async def close(self, reason: str = "", code: int = CloseCode.NORMAL) -> None:
        """Say goodbye; until that is done, no time passes."""
        self.is_over = self.is_closing = True
        try:
            await self._link.close(reason, code)
        finally:
            self.is_closing = False

    def abort(self) -> None:
        """End the link at once."""
        self.is_over = True
        self._link.abort()
