"""How a group is stored: as a small table of rows, each a short key and a value, so that a change writes few of them.

A message changes one row, a commit those of the nodes on its path. What a change of a group means for its rows is a
``StateChanges``, which a store applies in one transaction. The form is our own and carries a version.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Final, Self, TypeVar

from tacit.codec import Reader, Writer
from tacit.errors import DecodeError
from tacit.mls.values import Value

K = TypeVar("K", bound=int)
V = TypeVar("V")

VERSION: Final = 2
"""Of every stored form of a group and its parts; form 1, two blobs without rows, was never released."""


class RowKind(IntEnum):
    """What a row holds; the first byte of its key. The numbers behind it are named here."""

    EPOCH = 1
    NODE = 2
    """Node index."""
    PRIVATE_KEY = 3
    """Node index."""
    PAST_EPOCH = 4
    """Epoch."""
    PAST_KEYS = 5
    """Epoch."""
    SECRET = 6
    """Epoch and node index: a node of the secret tree."""
    RATCHETS = 7
    """Epoch and leaf index: what a sender's messages are read with."""
    PROPOSAL = 8
    """Place in line."""


_SHAPES: Final = {
    RowKind.EPOCH: struct.Struct(">B"),
    RowKind.NODE: struct.Struct(">BI"),
    RowKind.PRIVATE_KEY: struct.Struct(">BI"),
    RowKind.PAST_EPOCH: struct.Struct(">BQ"),
    RowKind.PAST_KEYS: struct.Struct(">BQ"),
    RowKind.SECRET: struct.Struct(">BQI"),
    RowKind.RATCHETS: struct.Struct(">BQI"),
    RowKind.PROPOSAL: struct.Struct(">BI"),
}

LASTING: Final = frozenset({RowKind.EPOCH, RowKind.NODE, RowKind.PRIVATE_KEY, RowKind.PAST_EPOCH})
"""Rows that stay as they are until the epoch ends."""

Numbers = tuple[int, ...]


class StateChanges(Value, frozen=True):
    """Rows to write, new or instead of what they held, and keys of rows to delete. The values are secret."""

    put: Mapping[bytes, bytes]
    drop: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        return f"StateChanges(drop={self.drop!r})"

    @property
    def size_bytes(self) -> int:
        """Bytes that a store has to write for them, keys included."""
        return sum(len(key) + len(value) for key, value in self.put.items()) + sum(map(len, self.drop))

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.u32(len(self.put))
        for key, value in self.put.items():
            w.opaque(key)
            w.opaque(value)
        w.u32(len(self.drop))
        for key in self.drop:
            w.opaque(key)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        put = {r.opaque(): r.opaque() for _ in range(r.u32())}
        return cls(put, tuple(r.opaque() for _ in range(r.u32())))


class ChangeDraft:
    """Changes in the making."""

    __slots__ = ("drop", "put")

    def __init__(self) -> None:
        self.put: dict[bytes, bytes] = {}
        self.drop: list[bytes] = []

    def compare(
        self,
        kind: RowKind,
        before: Mapping[K, V],
        after: Mapping[K, V],
        encode: Callable[[V], bytes],
        epoch: int | None = None,
    ) -> None:
        """Rows of one kind that hold the values of a mapping; a value that is the same object has not changed."""
        if before is after:
            return
        outer = () if epoch is None else (epoch,)
        for number, value in after.items():
            if before.get(number) is not value:
                self.put[row_key(kind, *outer, number)] = encode(value)
        for number in before.keys() - after.keys():
            self.drop.append(row_key(kind, *outer, number))

    def finish(self) -> StateChanges:
        """The changes."""
        return StateChanges(self.put, tuple(self.drop))


class Rows:
    """Rows by their kinds and numbers, for reading; raises ``DecodeError`` for a key that is none."""

    __slots__ = ("_values", "dropped")

    def __init__(self, changes: StateChanges) -> None:
        self._values: dict[RowKind, dict[Numbers, bytes]] = {kind: {} for kind in RowKind}
        for key, value in changes.put.items():
            kind, numbers = _parse_key(key)
            self._values[kind][numbers] = value
        self.dropped: Final = frozenset(map(_parse_key, changes.drop))

    def of(self, kind: RowKind) -> Mapping[Numbers, bytes]:
        """All rows of a kind, in no particular order."""
        return self._values[kind]


def row_key(kind: RowKind, *numbers: int) -> bytes:
    """The key of a row."""
    return _SHAPES[kind].pack(kind, *numbers)


def is_lasting(key: bytes) -> bool:
    """Whether the row stays as it is until the epoch ends."""
    return key[0] in LASTING


def check_version(r: Reader) -> None:
    """Take the version off ``r``; raises ``DecodeError`` for another one."""
    if r.u8() != VERSION:
        raise DecodeError("stored by another version")


def _parse_key(key: bytes) -> tuple[RowKind, Numbers]:
    try:
        kind = RowKind(key[0])
        return kind, _SHAPES[kind].unpack(key)[1:]
    except (IndexError, ValueError, struct.error):
        raise DecodeError("key of a row") from None
