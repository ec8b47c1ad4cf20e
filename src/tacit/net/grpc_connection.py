"""One connection of a client of gRPC, whose other side is grpcio: what it may send, and how much it may ask for.

grpcio knows one largest size for everybody, and answers as often as it is asked; so bytes and streams are counted here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from tacit.net.accepting import Door
from tacit.net.bounds import Bounds
from tacit.net.errors import LinkClosed
from tacit.net.grpc_link import GrpcLink
from tacit.net.grpc_streams import Streams
from tacit.net.links import CloseCode
from tacit.net.serving import QUIET_TICKS_TO_END
from tacit.net.splicing import Side
from tacit.net.tls import own_certificate_hash

UNHEARD_BYTES: Final = 256 * 1024
"""What a connection without a member may have sent beyond the frames that have arrived whole: grpcio holds them, and it
knows one largest size for everybody."""

FREE_STREAMS: Final = 8
"""Of one connection; each further one counts as a connection does. To be told that the relay is well costs it as much
as a quarter of TLS's handshake, and grpcio answers as often as somebody asks."""

OVERHEAD_BYTES: Final = 64
"""What HTTP/2 and gRPC put around a frame, and what a client says about frames that it has read."""


class Connection(Side):
    """One connection of a client, whose other side is grpcio."""

    def __init__(
        self,
        origin: str,
        door: Door,
        bounds: Bounds,
        arrived: Callable[[Connection], None],
        settled: Callable[..., None],
    ) -> None:
        super().__init__()
        self.origin = origin
        self.name = ""
        """Its name for grpcio."""
        self.connecting: asyncio.Task[None] | None = None
        self._door = door
        self._bounds = bounds
        self._arrived = arrived
        self._settled = settled
        self._is_inside = True
        self._links: set[GrpcLink] = set()
        self._has_had_link = False
        self._own_certificate_hash = b""
        self._streams = Streams()
        self._counted = FREE_STREAMS
        self._unheard_bytes = 0
        self._has_member = False
        self._heard_at_s = time.monotonic()
        self._quiet_ticks = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._expect_link()

    def may_have_link(self) -> bool:
        """Whether a stream may become a link: one at a time, and each after the first counts as a connection does."""
        if self._links:
            return False
        if self._has_had_link and not self._knock():
            return False
        self._has_had_link = True
        return True

    def new_link(self, bounds: Bounds) -> GrpcLink:
        """Make a link of a stream that has begun."""
        link = GrpcLink(
            bounds, cut=self.cut_off, peer_address=self.origin, own_certificate_hash=self._own_certificate_hash
        )
        link.on_frame, link.on_limit, link.on_tick = self._heard, self._trust, self._tick
        self._links.add(link)
        self._settled(self, is_over=False)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        return link

    def link_ended(self, link: GrpcLink) -> None:
        """Expect another, or the end."""
        self._links.discard(link)
        if not self._links and not self.is_over:
            self._expect_link()

    def ended(self) -> None:
        """Make room for another connection from there."""
        if self._deadline is not None:
            self._deadline.cancel()
        if self._is_inside:
            self._is_inside = False
            self._door.leave(self.origin)
            self._settled(self, is_over=True)

    # ---- called by the event loop ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS stands."""
        super().connection_made(transport)
        self._own_certificate_hash = own_certificate_hash(transport.get_extra_info("ssl_object"))
        self._arrived(self)

    def data_received(self, data: bytes) -> None:
        """Pass it on, unless a stranger sends too much."""
        self._heard_at_s = time.monotonic()
        self._quiet_ticks = 0
        self._unheard_bytes += len(data)
        self._streams.feed(data)
        if self._unheard_bytes > UNHEARD_BYTES and not self._has_member:
            self._refuse(LinkClosed(CloseCode.TOO_BIG, "frame too large"))
        elif not self._may_begin_so_many():
            self._refuse(LinkClosed(CloseCode.TRY_AGAIN_LATER, "too many streams"))
        else:
            super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End every link that came with it."""
        super().connection_lost(exc)
        if self.connecting is not None:
            self.connecting.cancel()
        for link in self._links:
            link.finish(LinkClosed(CloseCode.ABNORMAL))
        self.ended()

    # ---- called by its links ----

    def _heard(self, size_bytes: int) -> None:
        self._unheard_bytes = max(0, self._unheard_bytes - size_bytes - OVERHEAD_BYTES)

    def _trust(self, max_bytes: int) -> None:
        self._has_member = self._has_member or max_bytes > self._bounds.first_max_frame

    def _tick(self) -> None:
        """Cut off a connection on which nothing has come, not even the answers to gRPC's pings."""
        self._quiet_ticks += 1
        # grpcio pings by the clock of the machine, whatever the event loop goes by; where that has stood still, what
        # came meanwhile is heard between two ticks.
        is_late = time.monotonic() - self._heard_at_s > self._bounds.idle_timeout_s
        if is_late and self._quiet_ticks >= QUIET_TICKS_TO_END:
            self.cut_off()

    def _may_begin_so_many(self) -> bool:
        """Count the streams that have begun since it was asked last."""
        while self._counted < self._streams.begun:
            self._counted += 1
            if not self._knock():
                return False
        return True

    def _knock(self) -> bool:
        """Count as a connection from there; this one keeps the place that it has."""
        if not self._door.enter(self.origin):
            return False
        self._door.leave(self.origin)
        return True

    def _refuse(self, why: LinkClosed) -> None:
        for link in self._links:
            link.finish(why)
        self.cut_off()

    def _expect_link(self) -> None:
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._bounds.handshake_timeout_s, self.cut_off)
