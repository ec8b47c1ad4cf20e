"""Values that lie on the wire, and the way from one to its bytes and back."""

from __future__ import annotations

from typing import Protocol, Self, TypeVar

from tacit.codec.reader import Reader
from tacit.codec.writer import Writable, Writer


class Struct(Writable, Protocol):
    """A value with a fixed encoding; ``read`` accepts exactly what ``write`` makes."""

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one value off ``r``; raises ``DecodeError``."""
        ...


T = TypeVar("T", bound=Struct)


def encode(value: Writable) -> bytes:
    """The bytes of one value; raises ``EncodeError`` when a field does not fit."""
    w = Writer()
    value.write(w)
    return w.finish()


def decode(cls: type[T], data: bytes) -> T:
    """The value that is the whole of ``data``; raises ``DecodeError``, also for trailing bytes."""
    r = Reader(data)
    value = cls.read(r)
    r.finish()
    return value
