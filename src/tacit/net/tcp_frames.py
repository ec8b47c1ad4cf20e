"""Frames on a bare TLS connection: a length of four bytes, big-endian, and as many bytes.

Two lengths that no frame has are words without a frame behind them: ``ff ff ff ff`` asks whether the other side is
there, ``ff ff ff fe`` answers that. There is no goodbye but that of TLS.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tacit.net.bounds import Bounds
from tacit.net.errors import LinkClosed
from tacit.net.held import Held
from tacit.net.links import CloseCode

LENGTH_BYTES: Final = 4
ARE_YOU_THERE: Final = b"\xff\xff\xff\xff"
HERE_I_AM: Final = b"\xff\xff\xff\xfe"

WORDS_PER_TICK: Final = 256
"""Questions and answers; an honest peer sends one now and then, and each four bytes would be work for everybody."""

_QUESTION: Final = int.from_bytes(ARE_YOU_THERE, "big")
_ANSWER: Final = int.from_bytes(HERE_I_AM, "big")


def encode_frames(frames: Iterable[bytes]) -> bytes:
    """Frames as they leave, one behind the other."""
    pieces: list[bytes] = []
    for frame in frames:
        pieces.append(len(frame).to_bytes(LENGTH_BYTES, "big"))
        pieces.append(frame)
    return b"".join(pieces)


class Incoming:
    """What has come on one connection and waits: bytes, the frames made of them, and what ends the link.

    It parses as far as there is room for frames, and knows neither a transport nor anybody who waits.
    """

    __slots__ = (
        "_body",
        "_max_frame",
        "_missing",
        "_most",
        "_unparsed",
        "_words",
        "asked",
        "held",
        "last",
    )

    def __init__(self, bounds: Bounds) -> None:
        self._max_frame = bounds.first_max_frame
        self._most = bounds.max_frame
        self._unparsed = b""
        self._body = bytearray()
        self._missing = 0
        self._words = 0
        self.held = Held(bounds)
        self.asked = False
        """Whether the other side waits for a sign of life."""
        self.last: LinkClosed | None = None
        """What ends the link once the frames before it have been received."""

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        if self.last is None:
            self._unparsed = self._unparsed + data if self._unparsed else data
            self.parse()

    def parse(self) -> None:
        """Make frames of bytes while there is room for them."""
        data, at = self._unparsed, 0
        while self.last is None and not self.held.is_full:
            if self._missing:
                at = self._gather(data, at)
            else:
                begin = at + LENGTH_BYTES
                if len(data) < begin:
                    break
                size = int.from_bytes(data[at:begin], "big")
                if size > self._max_frame:
                    self._take_word(size)
                    at = begin
                    continue
                at = begin + size
                if at <= len(data):
                    self._add(data[begin:at])
                    continue
                self._missing, at = size, begin
            if at == len(data):
                break
        self._unparsed = data[at:] if self.last is None else b""

    @property
    def is_held_up(self) -> bool:
        """Whether the other side has to wait until frames are taken."""
        return self.held.is_full and bool(self._unparsed)

    def hang_up(self) -> None:
        """Note that the other side has ended TLS, in the midst of a frame perhaps."""
        whole = not (self._missing or self._unparsed)
        self.end(LinkClosed(CloseCode.NORMAL if whole else CloseCode.PROTOCOL_ERROR))

    def end(self, why: LinkClosed) -> None:
        """Note what ends the link, unless that is known; nothing behind it is looked at."""
        if self.last is None:
            self.last = why
        self._unparsed = b""
        self._body.clear()

    def count_anew(self) -> None:
        """Allow ``WORDS_PER_TICK`` again."""
        self._words = 0

    def limit_frames(self, max_bytes: int) -> None:
        """Raise the largest frame accepted, never above what the bounds say."""
        self._max_frame = min(max_bytes, self._most)
        self.held.limit_frames(max_bytes)

    def _gather(self, data: bytes, at: int) -> int:
        """Add to a frame that came in pieces; returns where what is not its begins."""
        end = min(at + self._missing, len(data))
        self._body += data[at:end]
        self._missing -= end - at
        if not self._missing:
            whole, self._body = bytes(self._body), bytearray()
            self._add(whole)
        return end

    def _add(self, frame: bytes) -> None:
        self.held.add(frame)
        if self.held.is_too_much:
            self.end(LinkClosed(CloseCode.POLICY_VIOLATION))

    def _take_word(self, length: int) -> None:
        """Heed a length that no frame may have."""
        self._words += 1
        if length == _QUESTION:
            self.asked = True
        elif length != _ANSWER:
            self.end(LinkClosed(CloseCode.TOO_BIG, "frame too large"))
        if self._words > WORDS_PER_TICK:
            self.end(LinkClosed(CloseCode.POLICY_VIOLATION))
