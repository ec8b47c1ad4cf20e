"""Either end of a link over TCP and TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from tacit.net.bounds import Bounds
from tacit.net.errors import LinkClosed
from tacit.net.links import CloseCode
from tacit.net.serving import CLOSE_TIMEOUT_S
from tacit.net.stream_link import QUIET_TICKS_TO_ASK, StreamLink, wake
from tacit.net.tcp_frames import ARE_YOU_THERE, HERE_I_AM, Incoming, encode_frames
from tacit.net.tls import has_said_goodbye, peer_certificate_hash

WRITE_BUFFER_BYTES: Final = 128 * 1024
"""Bytes held for one slow reader before its writer waits."""


class TcpLink(StreamLink):
    """One end of a connection; a ``FrameLink``.

    A client asks sooner whether the other side is there than a listener does, so that whatever translates addresses on
    the way does not forget it.
    """

    __slots__ = ("_deadline", "_gone", "peer_certificate_hash")

    transport = "tcp"
    are_you_there = ARE_YOU_THERE
    _incoming: Incoming

    def __init__(
        self,
        bounds: Bounds,
        *,
        on_end: Callable[[TcpLink], None],
        peer_address: str = "",
        ask_after: int = QUIET_TICKS_TO_ASK,
    ) -> None:
        """``on_end`` is called when the connection is gone; ``ask_after`` so many ticks without a byte."""
        super().__init__(Incoming(bounds), bounds, on_end=on_end, peer_address=peer_address, ask_after=ask_after)
        self.peer_certificate_hash = b""
        self._gone: asyncio.Future[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS stands."""
        super().connection_made(transport)
        self.peer_certificate_hash = peer_certificate_hash(transport.get_extra_info("ssl_object"))
        if self._transport is not None:
            self._transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)

    def eof_received(self) -> None:
        """The other side writes no more: it has said goodbye in TLS, or its connection is gone."""
        if self._transport is not None and has_said_goodbye(self._transport.get_extra_info("ssl_object")):
            self._incoming.hang_up()
            self.heed()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End everything that waits."""
        super().connection_lost(exc)
        wake(self._gone)
        if self._deadline is not None:
            self._deadline.cancel()

    def encode(self, frames: Sequence[bytes]) -> bytes:
        """Each frame behind its length."""
        return encode_frames(frames)

    def heed(self) -> None:
        """Answer who asks whether this side is there, and wake whoever waits for frames."""
        incoming = self._incoming
        if incoming.asked:
            incoming.asked = False
            if not self._congested:
                self._write(HERE_I_AM)
        if self._held.frames or incoming.last is not None:
            wake(self._reader)
        self._hold_up(hold_up=incoming.is_held_up)

    def take_leave(self) -> None:
        """Nothing is to be said."""
        if self._incoming.last is not None:
            self._end(self._incoming.last)

    def note_loss(self) -> None:
        """It ends without a goodbye, unless there was one."""
        self._incoming.end(LinkClosed(CloseCode.ABNORMAL))

    async def close(self, reason: str = "", code: int = CloseCode.NORMAL) -> None:
        """Say goodbye in TLS, which carries neither code nor reason, and end the connection."""
        if self._ended is not None:
            return
        self._end(LinkClosed(code, reason))
        if self._transport is None:
            return
        self._gone = asyncio.get_running_loop().create_future()
        self._hold_up(hold_up=False)
        self._transport.close()
        # Whoever waits here may be cancelled; what was sent leaves all the same.
        self._deadline = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self._cut)
        await asyncio.shield(self._gone)
