"""Builds an encoding front to back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from tacit.codec.errors import EncodeError
from tacit.codec.varint import ONE_BYTE_LENGTHS, encode_varint
from tacit.limits import MAX_VECTOR_BYTES, MAX_VECTOR_ITEMS

T = TypeVar("T")


_ONE_BYTE = tuple(bytes((size,)) for size in range(ONE_BYTE_LENGTHS))


def encode_opaque(b: bytes) -> bytes:
    """Bytes behind their length, for who has few fields to join; raises ``EncodeError`` as ``Writer.opaque`` does."""
    size = len(b)
    if size < ONE_BYTE_LENGTHS:
        return _ONE_BYTE[size] + b
    if size > MAX_VECTOR_BYTES:
        raise EncodeError(f"vector of {size} bytes")
    return encode_varint(size) + b


class Writable(Protocol):
    """A value that knows how it lies on the wire."""

    def write(self, w: Writer) -> None:
        """Append this value to ``w``."""
        ...


class Writer:
    """Appends fields in order; ``finish`` gives the bytes.

    A value that does not fit its field, or a vector past the bounds that ``Reader`` enforces, raises ``EncodeError``.
    """

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def u8(self, n: int) -> None:
        """Append one byte."""
        self._uint(n, 1)

    def u16(self, n: int) -> None:
        """Append two bytes, big-endian."""
        self._uint(n, 2)

    def u32(self, n: int) -> None:
        """Append four bytes, big-endian."""
        self._uint(n, 4)

    def u64(self, n: int) -> None:
        """Append eight bytes, big-endian."""
        self._uint(n, 8)

    def fixed(self, b: bytes) -> None:
        """Append bytes whose number the reader knows."""
        self._buffer += b

    def opaque(self, b: bytes) -> None:
        """Append bytes behind their length: ``opaque field<V>``."""
        size = len(b)
        if size > MAX_VECTOR_BYTES:
            raise EncodeError(f"vector of {size} bytes")
        if size < ONE_BYTE_LENGTHS:
            self._buffer.append(size)
        else:
            self._buffer += encode_varint(size)
        self._buffer += b

    def vector(self, items: Iterable[T], write_item: Callable[[Writer, T], None]) -> None:
        """Append elements behind their length in bytes: ``T field<V>``."""
        inner = Writer()
        count = 0
        for count, item in enumerate(items, 1):  # noqa: B007 - the last value is the number of items
            write_item(inner, item)
        if count > MAX_VECTOR_ITEMS:
            raise EncodeError(f"vector of {count} elements")
        self.opaque(inner.finish())

    def optional(self, value: T | None, write: Callable[[Writer, T], None]) -> None:
        """Append a presence byte and, if there is one, the value: ``optional<T>``."""
        if value is None:
            self._buffer.append(0)
        else:
            self._buffer.append(1)
            write(self, value)

    def struct(self, value: Writable) -> None:
        """Append a value that writes itself."""
        value.write(self)

    def finish(self) -> bytes:
        """All that was written."""
        return bytes(self._buffer)

    def _uint(self, n: int, size: int) -> None:
        try:
            self._buffer += n.to_bytes(size, "big")
        except OverflowError:
            raise EncodeError(f"{n} in {size} bytes") from None
