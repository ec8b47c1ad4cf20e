"""Counts the streams that a client begins on an HTTP/2 connection, from its bytes; grpcio tells of none that it ends.

Source: RFC 9113 §3.4 for the preface, §4.1 for what a frame begins with.
"""

from __future__ import annotations

from typing import Final

PREFACE_BYTES: Final = 24
HEADER_BYTES: Final = 9
HEADERS: Final = 1
"""The type of a frame that begins a stream, or ends what was said on it, as clients of gRPC never do."""


class Streams:
    """Those of one connection."""

    __slots__ = ("_header", "_left", "begun")

    def __init__(self) -> None:
        self.begun = 0
        self._left = PREFACE_BYTES
        """Bytes to the next frame."""
        self._header = b""

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            begin, at = at, at + HEADER_BYTES - len(self._header)
            self._header += data[begin:at]
            if len(self._header) == HEADER_BYTES:
                self.begun += self._header[3] == HEADERS
                self._left = int.from_bytes(self._header[:3], "big")
                self._header = b""
