"""Reads WebSocket frame headers on their way to the parser, and refuses what the parser would let pass.

aiohttp's parser takes frames without a mask, which no client may send. And it fixes the largest message when a
connection opens; strangers deserve less than members, so until the limit is raised every message's announced size,
fragments added up, is checked here before it is held, and so is the number of frames. Continuations are counted here,
too, of members as well: a message may have any number of them, and none of them need say anything.
"""

from __future__ import annotations

from typing import Final, Protocol

from tacit import limits

FIN, MASKED = 0x80, 0x80
CONTINUATION, FIRST_CONTROL = 0x0, 0x8
IN_TWO_BYTES, IN_EIGHT_BYTES = 126, 127
"""Where the length of a payload stands, if not in the second byte itself."""

ENDLESS_HEADER: Final = bytes((FIN | 0x2, 127)) + bytes((0x7F,)) + b"\xff" * 7
"""A binary frame of 2^63 - 1 bytes: the parser answers it with close code 1009 as it would any other."""

RESERVED_HEADER: Final = bytes((FIN | 0x72, MASKED))
"""A binary frame with all reserved bits: the parser answers it with close code 1002."""


class Parser(Protocol):
    """What aiohttp's connection expects of a WebSocket parser."""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take received bytes; true means that the connection is to be closed."""
        ...

    def feed_eof(self) -> None:
        """Take note that nothing more will come."""
        ...


class FrameGate:
    """A parser in front of the parser. Source: RFC 6455 §5.2 for the header."""

    __slots__ = (
        "_header",
        "_message",
        "_parser",
        "_payload_left",
        "_pieces_left",
        "_refused",
        "continuations",
        "max_frame",
        "open_from",
    )

    def __init__(self, parser: Parser, *, max_frame: int, open_from: int) -> None:
        """``max_frame`` applies from now on; raised to ``open_from`` or above, the parser's own limit is enough."""
        self._parser = parser
        self.max_frame = max_frame
        self.open_from = open_from
        self._header = b""
        self._payload_left = 0
        self._message = 0
        self._pieces_left = limits.MAX_STRANGER_PIECES
        self._refused = b""
        self.continuations = 0
        """That have come since this was set to zero."""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Hand on whole headers and payloads; after a refusal, nothing."""
        if self._refused:
            return False, b""
        data = self._header + data if self._header else data
        checked = self._check(data) if self.max_frame < self.open_from else self._check_masks(data)
        if checked == len(data):
            self._header = b""
            return self._parser.feed_data(data)
        if checked:
            ended = self._parser.feed_data(data[:checked])
            if ended[0]:
                return ended
        if self._refused:
            return self._parser.feed_data(self._refused)
        self._header = data[checked:]
        return False, b""

    def feed_eof(self) -> None:
        """Hand the end on."""
        self._parser.feed_eof()

    def _check(self, data: bytes) -> int:
        """How many bytes may go on: all, or those before a header that is not complete or not allowed."""
        at = 0
        while True:
            step = min(self._payload_left, len(data) - at)
            self._payload_left -= step
            at += step
            header = _read_header(data, at)
            if header is None:
                return at
            header_bytes, payload_bytes = header
            self._refused = self._refusal(data[at], data[at + 1], payload_bytes)
            if self._refused:
                return at
            at += header_bytes
            self._payload_left = payload_bytes

    def _refusal(self, first: int, second: int, payload_bytes: int) -> bytes:
        """What has the parser refuse a frame; empty for one that may pass."""
        if not second & MASKED:
            return RESERVED_HEADER
        if self.max_frame <= limits.MAX_LOGIN_FRAME_BYTES:  # who has come further, to a rendezvous perhaps, may stay
            self._pieces_left -= 1
            if self._pieces_left < 0:
                return ENDLESS_HEADER
        opcode = first & 0x0F
        if opcode >= FIRST_CONTROL:
            return b""
        if opcode == CONTINUATION:
            self.continuations += 1
            payload_bytes += self._message
        self._message = payload_bytes
        if self._message > self.max_frame:
            return ENDLESS_HEADER
        if first & FIN:
            self._message = 0
        return b""

    def _check_masks(self, data: bytes) -> int:
        """As ``_check``, for a member, of whom the parser sees to everything else; written to be fast.

        "The server MUST close the connection upon receiving a frame that is not masked." Source: RFC 6455 §5.1.
        """
        end, at = len(data), self._payload_left
        header = at
        self._payload_left = 0
        try:
            while at < end:
                header = at
                length = data[at + 1] - MASKED
                if 0 <= length < IN_TWO_BYTES:
                    at += 6 + length
                elif length == IN_TWO_BYTES:
                    at += 8 + (data[at + 2] << 8 | data[at + 3])
                elif length == IN_EIGHT_BYTES:
                    at += 14 + int.from_bytes(data[at + 2 : at + 9], "big") * 256 + data[at + 9]
                else:
                    self._refused = RESERVED_HEADER
                    return at
                if not data[header] & 0x0F:
                    self.continuations += 1
        except IndexError:
            return header
        self._payload_left = at - end
        return end


def _read_header(data: bytes, at: int) -> tuple[int, int] | None:
    """Sizes of the header at ``at`` and of its payload, or nothing while the header is not all there."""
    if len(data) - at < 2:
        return None
    flag = data[at + 1] & 0x7F
    length_bytes = {126: 2, 127: 8}.get(flag, 0)
    header_bytes = 2 + length_bytes + (4 if data[at + 1] & MASKED else 0)
    if len(data) - at < header_bytes:
        return None
    return header_bytes, int.from_bytes(data[at + 2 : at + 2 + length_bytes], "big") if length_bytes else flag
