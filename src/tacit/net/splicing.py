"""Two connections that are one: what comes on either leaves on the other, no faster than that takes it."""

from __future__ import annotations

import asyncio
from typing import cast

from tacit.net.accepting import Visit


class Side(Visit):
    """One of them; what comes before it has been joined to the other waits unread."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Side | None = None
        self.is_over = False
        self._early = b""
        """What came although nothing was to be read yet: an event loop may begin to read after ``connection_made``."""

    def join(self, other: Side) -> None:
        """Let bytes flow between two that are both connected."""
        self.other, other.other = other, self
        for side in (self, other):
            early, side._early = side._early, b""
            if early:
                side.pass_on(early)
        for side in (self, other):
            if side.transport is not None:
                side.transport.resume_reading()
        if self.is_over or other.is_over:
            self.end()

    def end(self) -> None:
        """Close both, once they have taken what is on the way to them."""
        for side in (self, self.other):
            if side is not None and side.transport is not None:
                side.transport.close()

    def cut_off(self) -> None:
        """Cut both."""
        for side in (self, self.other):
            if side is not None and side.transport is not None:
                side.transport.abort()

    def pass_on(self, data: bytes) -> None:
        """Write on the other one what has come on this one."""
        if self.other is None:
            self._early += data
        elif self.other.transport is not None:
            self.other.transport.write(data)

    def ended(self) -> None:
        """There is nothing to be done for a connection that never became one."""

    # ---- called by the event loop ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the other one."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        self.pass_on(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End the other one, too."""
        self.transport = None
        self.is_over = True
        self._early = b""
        if self.other is not None:
            self.other.end()
            self.other.other = None
            self.other = None

    def pause_writing(self) -> None:
        """Nobody takes what is written here, so nothing is read there."""
        self._let_read(False)

    def resume_writing(self) -> None:
        """There is room again."""
        self._let_read(True)

    def _let_read(self, may_read: bool) -> None:
        there = self.other.transport if self.other is not None else None
        if there is not None and not there.is_closing():
            (there.resume_reading if may_read else there.pause_reading)()
