"""What has come on one WebSocket connection and waits: bytes, the frames made of them, and what ends the link.

It parses as far as there is room for frames, and knows neither a transport nor anybody who waits.
"""

from __future__ import annotations

from typing import Final

from aiohttp import WSMessage, WSMsgType

from tacit.net.bounds import Bounds
from tacit.net.errors import LinkClosed
from tacit.net.held import Held
from tacit.net.links import CloseCode
from tacit.net.ws_frames import Collected, make_parser
from tacit.net.ws_gate import FrameGate

PARSED_AT_ONCE_BYTES: Final = 16 * 1024
"""Bytes that are parsed before it is asked whether somebody takes the frames; the smallest frame has six."""

STRANGERS_AT_ONCE_BYTES: Final = 1024
"""The same of a stranger: a read full of the smallest frames is ten milliseconds of everybody's time."""

CONTROLS_PER_TICK: Final = 256
"""Pings and pongs; an honest client sends one now and then, and forty thousand fit one read and hold everybody up."""

CONTINUATIONS_PER_TICK: Final = 1_024
"""Further fragments of messages, of which honest clients send none; two thousand empty ones are a hundredth of a second
of everybody's time, and each leaves nothing behind that would be counted otherwise."""

CODES_END: Final = 5_000
"""Close codes are below. Source: RFC 6455 §7.4.2."""


class Incoming:
    """The reading half of a link."""

    __slots__ = (
        "_collected",
        "_controls",
        "_gate",
        "_unparsed",
        "held",
        "last",
        "ping",
    )

    def __init__(self, collected: Collected, bounds: Bounds) -> None:
        parser = make_parser(collected, bounds.max_frame)
        self._collected = collected
        self._gate = FrameGate(parser, max_frame=bounds.first_max_frame, open_from=bounds.max_frame)
        self._unparsed = b""
        self._controls = 0
        self.held = Held(bounds)
        self.last: WSMessage | None = None
        """What ends the link once the frames before it have been received."""
        self.ping: bytes | None = None
        """What the last of the pings said that have come and were not answered."""

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        if self.last is None:
            self._unparsed = self._unparsed + data if self._unparsed else data
            self.parse()

    def parse(self) -> None:
        """Make frames of bytes while there is room for them."""
        size = PARSED_AT_ONCE_BYTES if self.held.of_member else STRANGERS_AT_ONCE_BYTES
        data, at = self._unparsed, 0
        while at < len(data) and self.last is None and not self.held.is_full:
            self._gate.feed_data(data[at : at + size])
            at += size
            self._sort(self._collected.take())
        self._unparsed = data[at:] if self.last is None else b""

    @property
    def is_held_up(self) -> bool:
        """Whether the other side has to wait until frames are taken."""
        return bool(self._unparsed)

    def end(self, last: WSMessage) -> None:
        """Note what ends the link, unless that is known; nothing behind it is looked at."""
        if self.last is None:
            self.last = last
        self._unparsed = b""

    def count_anew(self) -> None:
        """Allow ``CONTROLS_PER_TICK`` and ``CONTINUATIONS_PER_TICK`` again."""
        self._controls = self._gate.continuations = 0

    def limit_frames(self, max_bytes: int) -> None:
        """Raise the largest frame accepted, never above what the bounds say."""
        self._gate.max_frame = max_bytes
        self.held.limit_frames(max_bytes)

    def _sort(self, messages: list[WSMessage]) -> None:
        for message in messages:
            if message.type is WSMsgType.BINARY:
                self.held.add(message.data)
            elif message.type is WSMsgType.PING or message.type is WSMsgType.PONG:
                self._controls += 1
                if message.type is WSMsgType.PING:
                    self.ping = message.data
            else:
                self.end(message)
                return
        if (
            self._controls > CONTROLS_PER_TICK
            or self._gate.continuations > CONTINUATIONS_PER_TICK
            or self.held.is_too_much
        ):
            self.end(WSMessage(WSMsgType.ERROR, CloseCode.POLICY_VIOLATION, None))


def why_it_ends(last: WSMessage) -> LinkClosed:
    """What whoever receives is told for the message that ends a link."""
    match last.type:
        case WSMsgType.CLOSE if last.data == CloseCode.ABNORMAL or last.data >= CODES_END:
            # "MUST NOT be set as a status code in a Close control frame". Source: RFC 6455 §7.4.1.
            return LinkClosed(CloseCode.PROTOCOL_ERROR)
        case WSMsgType.CLOSE:
            return LinkClosed(last.data or CloseCode.NORMAL, last.extra or "")
        case WSMsgType.TEXT:
            return LinkClosed(CloseCode.UNSUPPORTED_DATA, "frames are binary")
        case WSMsgType.ERROR:
            return LinkClosed(last.data)
        case _:
            return LinkClosed(CloseCode.ABNORMAL)
