"""The bytes that a device of the load generator sends and reads, cheap enough that the generator is not the bottleneck.

A frame of the relay protocol is one binary WebSocket message. Of an Append only two places change from one message to
the next, the request ID and the message ID; everything else, the mask included, is made once for each conversation.
What comes back is split here and decoded by protobuf's own C code. Source: RFC 6455 §5.2 for the header.
"""

from __future__ import annotations

import base64
import os
import struct
from collections.abc import Iterator
from typing import Final

from tacit.wire import relay_pb2 as pb

BINARY, CLOSE, PING, PONG = 0x2, 0x8, 0x9, 0xA
FIN, MASKED = 0x80, 0x80

FIRST_REQUEST: Final = 1 << 21
"""Request IDs of appends start here, so that each of them is a varint of four bytes."""

_LAST_REQUEST: Final = (1 << 28) - 1
_MASK_BYTES: Final = 4


def upgrade_request(host: str, port: int) -> bytes:
    """The HTTP request that opens a WebSocket."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def masked_message(payload: bytes, opcode: int = BINARY) -> bytes:
    """One whole WebSocket message from a client."""
    mask = os.urandom(_MASK_BYTES)
    return _header(opcode, len(payload)) + mask + _masked(payload, mask)


class Appends:
    """Makes Append frames for one log, each with a message ID of its own and the same payload."""

    def __init__(self, log_id: bytes, payload: bytes) -> None:
        self._next = FIRST_REQUEST
        frame = pb.ClientFrame(
            request_id=self._next,
            append=pb.Append(log_id=log_id, message_id=bytes(range(16)), kind=pb.ENTRY_KIND_MESSAGE, payload=payload),
        ).SerializeToString()
        mask = os.urandom(_MASK_BYTES)
        masked = _masked(frame, mask)
        # After the tag of the request ID come its four bytes; the message ID stands where we find the one we gave.
        place = frame.index(bytes(range(16)))
        self._head = _header(BINARY, len(frame)) + mask + masked[:1]
        self._between = masked[5:place] + os.urandom(8)
        self._tail = masked[place + 16 :]
        self._request_mask = int.from_bytes(mask[1:] + mask[:1], "little")

    def take(self, count: int) -> bytes:
        """The next ``count`` frames, one behind the other."""
        first = self._next
        self._next = first + count
        if self._next > _LAST_REQUEST:
            raise OverflowError("request IDs of four bytes have run out")
        head, between, tail, mask = self._head, self._between, self._tail, self._request_mask
        parts: list[bytes] = []
        for number in range(first, first + count):
            varint = number & 0x7F | number << 1 & 0x7F00 | number << 2 & 0x7F0000 | number << 3 & 0x7F000000 | 0x808080
            parts += (head, (varint ^ mask).to_bytes(4, "little"), between, number.to_bytes(8, "big"), tail)
        return b"".join(parts)


class Splitter:
    """Cuts what a relay sends into WebSocket messages; a relay does not fragment and does not mask."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Opcode and payload of each message that is complete."""
        if self._rest:
            data = self._rest + data
        at, size = 0, len(data)
        while size - at >= 2:
            begin, length = at + 2, data[at + 1]
            if length == 126:
                begin += 2
                length = int.from_bytes(data[at + 2 : begin], "big") if size >= begin else size
            elif length == 127:
                begin += 8
                length = int.from_bytes(data[at + 2 : begin], "big") if size >= begin else size
            if begin + length > size:
                break
            opcode = data[at] & 0x0F
            at = begin + length
            yield opcode, data[begin:at]
        self._rest = data[at:]


def _header(opcode: int, size_bytes: int) -> bytes:
    if size_bytes < 126:
        return bytes((FIN | opcode, MASKED | size_bytes))
    if size_bytes < 1 << 16:
        return struct.pack(">BBH", FIN | opcode, MASKED | 126, size_bytes)
    return struct.pack(">BBQ", FIN | opcode, MASKED | 127, size_bytes)


def _masked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // _MASK_BYTES + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
