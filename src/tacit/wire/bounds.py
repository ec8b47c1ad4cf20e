"""How dense a frame may be, checked before it is parsed.

A protobuf field of two bytes becomes an object of about fifty, so a frame of four megabytes could take a hundred in
memory and a quarter of a second of everybody's time. This walk over the outermost two levels costs less than
parsing does and stops at the bound. Sizes of single fields are the business of whoever reads them.
"""

from __future__ import annotations

from typing import Final

from tacit.errors import DecodeError
from tacit.limits import MAX_FRAME_FIELDS, MAX_LOGIN_FRAME_BYTES

SMALL_FRAME_BYTES: Final = MAX_LOGIN_FRAME_BYTES
"""Frames up to this size cannot do harm by density and are not walked."""

_FIRST_OPERATION: Final = 16
"""Field numbers from here on are operations: their bodies are walked, too."""

_BYTES: Final = 2
"""Wire type of everything that has a length."""


def check_density(data: bytes) -> None:
    """Raise ``DecodeError`` when a large frame has more than ``MAX_FRAME_FIELDS`` fields or cannot be walked."""
    if len(data) <= SMALL_FRAME_BYTES:
        return
    budget = MAX_FRAME_FIELDS
    stretches = [(0, len(data), True)]
    while stretches:
        offset, end, outermost = stretches.pop()
        while offset < end:
            budget -= 1
            if budget < 0:
                raise DecodeError("frame of too many fields")
            tag, offset = _varint(data, offset)
            body, offset = _skip(data, offset, tag & 7)
            if offset > end:
                raise DecodeError("frame that ends within a field")
            if outermost and tag & 7 == _BYTES and tag >> 3 >= _FIRST_OPERATION:
                stretches.append((body, offset, False))


def _skip(data: bytes, offset: int, wire_type: int) -> tuple[int, int]:
    """Where a field's content begins and ends."""
    match wire_type:
        case 0:
            return offset, _varint(data, offset)[1]
        case 1:
            return offset, offset + 8
        case 2:
            size, offset = _varint(data, offset)
            return offset, offset + size
        case 5:
            return offset, offset + 4
    raise DecodeError("frame with a field of a type that is not in use")


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    """One base-128 number of at most ten bytes. Source: protobuf encoding, "Base 128 Varints"."""
    value = 0
    for shift, byte in enumerate(data[offset : offset + 10]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, offset + shift + 1
    raise DecodeError("frame with a number that does not end")
