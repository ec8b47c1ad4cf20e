"""The variable-size length prefix of RFC 9420: one, two or four bytes, always the shortest that fits.

The two top bits of the first byte give the size. A prefix of ``11`` and a longer form than needed are malformed, so
that every value has one encoding. Source: RFC 9420 §2.1.2
"""

from __future__ import annotations

from typing import Final

from tacit.codec.errors import EncodeError
from tacit.errors import DecodeError

MAX_VARINT: Final = (1 << 30) - 1

ONE_BYTE_LENGTHS: Final = 1 << 6
"""Below this a value is its own prefix; the reader and the writer treat these many small lengths without a call."""

_ONE_BYTE: Final = tuple(bytes((value,)) for value in range(ONE_BYTE_LENGTHS))

_SMALLEST: Final = (0, ONE_BYTE_LENGTHS, 1 << 14)
"""The smallest value that may use a form, by prefix."""


def encode_varint(value: int) -> bytes:
    """The prefix for ``value``; raises ``EncodeError`` outside 0 to 2^30 - 1."""
    if 0 <= value < ONE_BYTE_LENGTHS:
        return _ONE_BYTE[value]
    if 0 <= value < 1 << 14:
        return (value | 1 << 14).to_bytes(2, "big")
    if 0 <= value <= MAX_VARINT:
        return (value | 2 << 30).to_bytes(4, "big")
    raise EncodeError(f"length {value}")


def decode_varint(data: bytes, offset: int) -> tuple[int, int]:
    """The value at ``offset`` and the offset behind it; raises ``DecodeError``."""
    return decode_varint_within(data, offset, len(data))


def decode_varint_within(data: bytes, offset: int, end: int) -> tuple[int, int]:
    """Like ``decode_varint``, for a value that must lie before ``end``."""
    if offset >= end:
        raise DecodeError("length prefix missing")
    first = data[offset]
    prefix = first >> 6
    if prefix == 0:
        return first, offset + 1
    if prefix == 3:
        raise DecodeError("length prefix 11")
    behind = offset + (1 << prefix)
    if behind > end:
        raise DecodeError("length prefix cut short")
    value = int.from_bytes(data[offset:behind], "big") & ((1 << ((8 << prefix) - 2)) - 1)
    if value < _SMALLEST[prefix]:
        raise DecodeError("length prefix longer than needed")
    return value, behind
