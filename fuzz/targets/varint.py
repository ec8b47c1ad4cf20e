"""Variable-size integers: one encoding for each number. RFC 9420 §2.1.2."""

from __future__ import annotations

from collections.abc import Iterator

from tacit.codec import MAX_VARINT, decode_varint, encode_varint
from tacit.errors import DecodeError


def seeds() -> Iterator[bytes]:
    """Both sides of every border."""
    for number in (0, 63, 64, 16_383, 16_384, MAX_VARINT):
        yield encode_varint(number)


def check(data: bytes) -> None:
    """A number whose only encoding this is, or ``DecodeError``."""
    try:
        number, end = decode_varint(data, 0)
    except DecodeError:
        return
    assert 0 <= number <= MAX_VARINT
    assert encode_varint(number) == data[:end]
