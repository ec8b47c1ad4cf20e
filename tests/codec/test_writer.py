from __future__ import annotations

import pytest

from tacit.codec import EncodeError, Writer, encode_opaque
from tacit.limits import MAX_VECTOR_BYTES, MAX_VECTOR_ITEMS


def test_fields_lie_in_order_and_big_endian():
    w = Writer()
    w.u8(1)
    w.u16(2)
    w.u32(3)
    w.u64(4)
    w.fixed(b"\xaa\xbb")
    w.opaque(b"xy")
    assert w.finish().hex() == "01" + "0002" + "00000003" + "0000000000000004" + "aabb" + "027879"


def test_vector_is_prefixed_by_its_bytes_not_its_elements():
    w = Writer()
    w.vector((1, 2, 3), Writer.u16)
    w.vector((), Writer.u16)
    assert w.finish().hex() == "06000100020003" + "00"


def test_optional_value_is_a_presence_byte_and_the_value():
    w = Writer()
    w.optional(None, Writer.u16)
    w.optional(7, Writer.u16)
    assert w.finish().hex() == "00" + "010007"


@pytest.mark.parametrize(("method", "bits"), [("u8", 8), ("u16", 16), ("u32", 32), ("u64", 64)])
def test_integers_outside_their_field_are_refused(method: str, bits: int):
    w = Writer()
    getattr(w, method)((1 << bits) - 1)
    for value in (-1, 1 << bits):
        with pytest.raises(EncodeError):
            getattr(w, method)(value)


def test_vectors_that_no_reader_would_take_are_not_written():
    with pytest.raises(EncodeError):
        Writer().opaque(bytes(MAX_VECTOR_BYTES + 1))
    with pytest.raises(EncodeError):
        Writer().vector(range(MAX_VECTOR_ITEMS + 1), lambda w, _: w.u8(0))


@pytest.mark.parametrize("size", [0, 1, 63, 64, 16383, 16384])
def test_an_opaque_field_by_itself_is_what_a_writer_appends(size: int) -> None:
    w = Writer()
    w.opaque(b"x" * size)
    assert encode_opaque(b"x" * size) == w.finish()


def test_an_opaque_field_by_itself_has_the_bound_of_the_reader() -> None:
    with pytest.raises(EncodeError):
        encode_opaque(bytes(MAX_VECTOR_BYTES + 1))
