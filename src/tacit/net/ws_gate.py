"""Reads WebSocket frame headers on their way to the parser, and refuses what is too large before it is held.

aiohttp fixes the largest message when a connection opens. Strangers deserve less than members, so until the limit is
raised every message's announced size, fragments added up, is checked here first, and so is the number of frames.
"""

from __future__ import annotations

from typing import Protocol

from tacit import limits

FIN, MASKED = 0x80, 0x80
CONTINUATION, FIRST_CONTROL = 0x0, 0x8

ENDLESS_HEADER = bytes((FIN | 0x2, 127)) + bytes((0x7F,)) + b"\xff" * 7
"""A binary frame of 2^63 - 1 bytes: the parser answers it with close code 1009 as it would any other."""


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
        self._refused = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Hand on whole headers and payloads; after a refusal, nothing."""
        if self._refused:
            return False, b""
        data = self._header + data if self._header else data
        if self.max_frame >= self.open_from:
            self._header = b""
            return self._parser.feed_data(data)
        checked = self._check(data)
        if checked:
            ended = self._parser.feed_data(data[:checked])
            if ended[0]:
                return ended
        if self._refused:
            return self._parser.feed_data(ENDLESS_HEADER)
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
            if not self._admit(data[at], payload_bytes):
                self._refused = True
                return at
            at += header_bytes
            self._payload_left = payload_bytes

    def _admit(self, first: int, payload_bytes: int) -> bool:
        self._pieces_left -= 1
        if self._pieces_left < 0:
            return False
        opcode = first & 0x0F
        if opcode >= FIRST_CONTROL:
            return True
        self._message = payload_bytes + (self._message if opcode == CONTINUATION else 0)
        if self._message > self.max_frame:
            return False
        if first & FIN:
            self._message = 0
        return True


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
