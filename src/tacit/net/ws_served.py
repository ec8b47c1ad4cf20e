"""The listener's end of a WebSocket link."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import WSMessage, WSMsgType

from tacit.net.bounds import Bounds
from tacit.net.errors import LinkClosed
from tacit.net.links import CloseCode
from tacit.net.serving import CLOSE_TIMEOUT_S
from tacit.net.stream_link import StreamLink, wake
from tacit.net.ws_frames import PING, Collected, encode_close, encode_frames, encode_pong
from tacit.net.ws_incoming import Incoming, why_it_ends


class ServedLink(StreamLink):
    """One end of a WebSocket connection; a ``FrameLink``."""

    __slots__ = ("_farewell",)

    transport = "ws"
    peer_certificate_hash = b""
    are_you_there = PING
    _incoming: Incoming

    def __init__(
        self,
        collected: Collected,
        bounds: Bounds,
        *,
        on_end: Callable[[ServedLink], None],
        peer_address: str,
    ) -> None:
        """``on_end`` is called when the connection is gone."""
        super().__init__(Incoming(collected, bounds), bounds, on_end=on_end, peer_address=peer_address)
        self._farewell: asyncio.Future[None] | None = None

    def encode(self, frames: Sequence[bytes]) -> bytes:
        """Each frame as one binary message."""
        return encode_frames(frames)

    def heed(self) -> None:
        """Answer pings, and wake whoever waits for frames or for a goodbye."""
        incoming = self._incoming
        if incoming.ping is not None:
            # The last of many is answered, and none where answers pile up. Source: RFC 6455 §5.5.3.
            ping, incoming.ping = incoming.ping, None
            if not self._congested and incoming.last is None:
                self._write(encode_pong(ping))
        if incoming.last is not None:
            wake(self._farewell)
            wake(self._reader)
        elif self._held.frames:
            wake(self._reader)
        self._hold_up(hold_up=incoming.is_held_up)

    def take_leave(self) -> None:
        """Answer a goodbye, or what no honest client sends."""
        last = self._incoming.last
        if last is None:
            return
        why = why_it_ends(last)
        self._end(why)
        self._write(encode_close(why.close_code, "" if last.type is WSMsgType.CLOSE else why.reason))

    def note_loss(self) -> None:
        """It ends without a goodbye, unless there was one."""
        self._incoming.end(_LOST)

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


_LOST: Final = WSMessage(WSMsgType.CLOSED, None, None)
