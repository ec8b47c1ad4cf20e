"""Takes an encoding apart front to back, trusting nothing in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tacit.codec.varint import ONE_BYTE_LENGTHS, decode_varint_within
from tacit.errors import DecodeError
from tacit.limits import MAX_VECTOR_BYTES, MAX_VECTOR_ITEMS

T = TypeVar("T")


class Reader:
    """Reads fields in order; anything but a well-formed field raises ``DecodeError``.

    Nothing is allocated for a length before that many bytes are known to be there, and the tail is never copied.
    A reader that has raised is of no further use.
    """

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        self._end = len(data)

    @property
    def remaining(self) -> int:
        """Bytes not yet read; inside ``vector``, of that vector."""
        return self._end - self._position

    @property
    def position(self) -> int:
        """Where the next field begins, for ``since``."""
        return self._position

    def since(self, position: int) -> bytes:
        """The bytes read since ``position``, exactly as they came in; signatures and MACs cover these."""
        return self._data[position : self._position]

    def u8(self) -> int:
        """Read one byte."""
        position = self._position
        if position >= self._end:
            raise DecodeError("cut short")
        self._position = position + 1
        return self._data[position]

    def u16(self) -> int:
        """Read two bytes, big-endian."""
        position = self._position
        if position + 2 > self._end:
            raise DecodeError("cut short")
        self._position = position + 2
        return self._data[position] << 8 | self._data[position + 1]

    def u32(self) -> int:
        """Read four bytes, big-endian."""
        return int.from_bytes(self.fixed(4), "big")

    def u64(self) -> int:
        """Read eight bytes, big-endian."""
        return int.from_bytes(self.fixed(8), "big")

    def fixed(self, n: int) -> bytes:
        """Read exactly ``n`` bytes."""
        start = self._position
        stop = start + n
        if stop > self._end:
            raise DecodeError("cut short")
        self._position = stop
        return self._data[start:stop]

    def opaque(self) -> bytes:
        """Read bytes behind their length: ``opaque field<V>``."""
        start = self._position
        if start < self._end and (length := self._data[start]) < ONE_BYTE_LENGTHS:
            start += 1
        else:
            length = self._length()
            start = self._position
        stop = start + length
        if stop > self._end:
            raise DecodeError("cut short")
        self._position = stop
        return self._data[start:stop]

    def vector(self, read_item: Callable[[Reader], T]) -> tuple[T, ...]:
        """Read elements behind their length in bytes: ``T field<V>``; the last must end where the length says."""
        length = self._length()
        stop = self._position + length
        if stop > self._end:
            raise DecodeError("cut short")
        outer_end, self._end = self._end, stop
        items: list[T] = []
        while self._position < stop:
            if len(items) == MAX_VECTOR_ITEMS:
                raise DecodeError("too many elements")
            items.append(read_item(self))
        self._end = outer_end
        return tuple(items)

    def optional(self, read: Callable[[Reader], T]) -> T | None:
        """Read a presence byte, which must be 0 or 1, and the value if there is one: ``optional<T>``."""
        presence = self.u8()
        if presence > 1:
            raise DecodeError("presence byte")
        return read(self) if presence else None

    def finish(self) -> None:
        """Check that everything was read."""
        if self._position != self._end:
            raise DecodeError("trailing bytes")

    def _length(self) -> int:
        length, self._position = decode_varint_within(self._data, self._position, self._end)
        if length > MAX_VECTOR_BYTES:
            raise DecodeError("vector too large")
        return length
