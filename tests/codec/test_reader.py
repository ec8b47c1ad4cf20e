from __future__ import annotations

import pytest

from tacit.codec import Reader, Writer, encode_varint
from tacit.errors import DecodeError
from tacit.limits import MAX_VECTOR_BYTES, MAX_VECTOR_ITEMS


def test_fields_come_back_in_order():
    r = Reader(bytes.fromhex("010002000000030000000000000004aabb027879"))
    assert (r.u8(), r.u16(), r.u32(), r.u64()) == (1, 2, 3, 4)
    assert (r.fixed(2), r.remaining, r.opaque(), r.remaining) == (b"\xaa\xbb", 3, b"xy", 0)
    r.finish()


def test_vector_and_optional_values_come_back():
    r = Reader(bytes.fromhex("060001000200030000010007"))
    assert r.vector(Reader.u16) == (1, 2, 3)
    assert r.vector(Reader.u16) == ()
    assert r.optional(Reader.u16) is None
    assert r.optional(Reader.u16) == 7
    r.finish()


def test_vectors_nest_and_reading_goes_on_behind_them():
    r = Reader(bytes.fromhex("050201020103ff"))
    assert r.vector(lambda inner: inner.vector(Reader.u8)) == ((1, 2), (3,))
    assert r.u8() == 0xFF


def test_remaining_counts_what_is_left_of_the_vector_being_read():
    left: list[int] = []

    def read(inner: Reader) -> int:
        value = inner.u8()
        left.append(inner.remaining)
        return value

    r = Reader(bytes.fromhex("020102ffff"))
    r.vector(read)
    assert (left, r.remaining) == ([1, 0], 2)


@pytest.mark.parametrize("method", ["u8", "u16", "u32", "u64"])
def test_integers_cut_short_are_refused(method: str):
    size = int(method[1:]) // 8
    with pytest.raises(DecodeError):
        getattr(Reader(bytes(size - 1)), method)()


@pytest.mark.parametrize("presence", range(2, 256))
def test_presence_bytes_other_than_zero_and_one_are_refused(presence: int):
    with pytest.raises(DecodeError):
        Reader(bytes([presence, 0, 0])).optional(Reader.u16)


def test_trailing_bytes_are_refused():
    r = Reader(b"\x01\x02")
    r.u8()
    with pytest.raises(DecodeError):
        r.finish()


def test_an_element_that_runs_past_its_vector_is_refused():
    with pytest.raises(DecodeError):
        Reader(bytes.fromhex("0300010002")).vector(Reader.u16)


def test_an_inner_vector_that_runs_past_its_outer_one_is_refused():
    with pytest.raises(DecodeError):
        Reader(bytes.fromhex("0202010203")).vector(Reader.opaque)


@pytest.mark.parametrize("read", [Reader.opaque, lambda r: r.vector(Reader.u8)])
def test_a_length_past_the_end_is_refused(read):
    with pytest.raises(DecodeError):
        read(Reader(encode_varint(MAX_VECTOR_BYTES) + b"abc"))


@pytest.mark.parametrize("read", [Reader.opaque, lambda r: r.vector(Reader.u8)])
def test_a_vector_larger_than_the_bound_is_refused_even_when_it_is_there(read):
    data = encode_varint(MAX_VECTOR_BYTES + 1) + bytes(MAX_VECTOR_BYTES + 1)
    with pytest.raises(DecodeError, match="too large"):
        read(Reader(data))


def test_a_vector_of_too_many_elements_is_refused():
    def vector_of(elements: int) -> Reader:
        return Reader(encode_varint(elements) + bytes(elements))

    assert len(vector_of(MAX_VECTOR_ITEMS).vector(Reader.u8)) == MAX_VECTOR_ITEMS
    with pytest.raises(DecodeError, match="too many"):
        vector_of(MAX_VECTOR_ITEMS + 1).vector(Reader.u8)


def test_elements_that_take_no_bytes_cannot_be_read_for_ever():
    with pytest.raises(DecodeError, match="too many"):
        Reader(b"\x01\x00").vector(lambda r: r.fixed(0))


def test_since_gives_the_bytes_as_they_came_in():
    w = Writer()
    w.u8(9)
    w.opaque(b"covered")
    w.u8(9)
    r = Reader(w.finish())
    r.u8()
    start = r.position
    r.opaque()
    assert r.since(start) == b"\x07covered"
