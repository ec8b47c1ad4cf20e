from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.codec import Reader, Writer, decode, encode
from tacit.errors import DecodeError


@dataclass(frozen=True, slots=True)
class Leaf:
    number: int
    name: bytes

    def write(self, w: Writer) -> None:
        w.u16(self.number)
        w.opaque(self.name)

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.u16(), r.opaque())


@dataclass(frozen=True, slots=True)
class Branch:
    """One field of every kind."""

    tag: int
    leaves: tuple[Leaf, ...]
    crown: Leaf | None
    groups: tuple[tuple[int, ...], ...]

    def write(self, w: Writer) -> None:
        w.u64(self.tag)
        w.vector(self.leaves, Writer.struct)
        w.optional(self.crown, Writer.struct)
        w.vector(self.groups, lambda outer, group: outer.vector(group, Writer.u32))

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(
            r.u64(), r.vector(Leaf.read), r.optional(Leaf.read), r.vector(lambda inner: inner.vector(Reader.u32))
        )


leaves = st.builds(Leaf, st.integers(0, 0xFFFF), st.binary(max_size=70))
branches = st.builds(
    Branch,
    st.integers(0, (1 << 64) - 1),
    st.lists(leaves, max_size=4).map(tuple),
    st.none() | leaves,
    st.lists(st.lists(st.integers(0, 0xFFFFFFFF), max_size=20).map(tuple), max_size=4).map(tuple),
)


@given(branches)
def test_every_value_survives_the_way_there_and_back(branch: Branch):
    assert decode(Branch, encode(branch)) == branch


@given(branches)
def test_every_cut_and_every_extension_is_refused(branch: Branch):
    data = encode(branch)
    for end in range(len(data)):
        with pytest.raises(DecodeError):
            decode(Branch, data[:end])
    with pytest.raises(DecodeError, match="trailing"):
        decode(Branch, data + b"\x00")


@given(st.binary(max_size=40))
def test_any_bytes_are_the_one_encoding_of_a_value_or_refused(data: bytes):
    try:
        branch = decode(Branch, data)
    except DecodeError:
        return
    assert encode(branch) == data


@given(branches, st.data())
def test_a_flipped_bit_gives_another_value_or_is_refused(branch: Branch, data: st.DataObject):
    encoding = bytearray(encode(branch))
    bit = data.draw(st.integers(0, 8 * len(encoding) - 1))
    encoding[bit // 8] ^= 1 << bit % 8
    try:
        changed = decode(Branch, bytes(encoding))
    except DecodeError:
        return
    assert changed != branch
