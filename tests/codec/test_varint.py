from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.codec import MAX_VARINT, EncodeError, decode_varint, encode_varint
from tacit.errors import DecodeError


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        (0, "00"),
        (63, "3f"),
        (64, "4040"),
        (16383, "7fff"),
        (16384, "80004000"),
        (MAX_VARINT, "bfffffff"),
    ],
)
def test_each_side_of_a_size_boundary_takes_the_shortest_form(value: int, encoding: str):
    assert encode_varint(value).hex() == encoding
    assert decode_varint(bytes.fromhex(encoding), 0) == (value, len(encoding) // 2)


@pytest.mark.parametrize(
    "encoding",
    ["", "40", "80", "8000", "800040", "c0", "ff", "c000000000000040", "4000", "403f", "80000000", "80003fff"],
)
def test_missing_cut_reserved_and_overlong_prefixes_are_refused(encoding: str):
    with pytest.raises(DecodeError):
        decode_varint(bytes.fromhex(encoding), 0)


@pytest.mark.parametrize("value", [-1, MAX_VARINT + 1])
def test_lengths_that_no_prefix_can_hold_are_refused(value: int):
    with pytest.raises(EncodeError):
        encode_varint(value)


def test_every_input_of_two_bytes_is_the_one_encoding_of_its_value_or_refused():
    accepted = 0
    for number in range(1 << 16):
        data = number.to_bytes(2, "big")
        try:
            value, behind = decode_varint(data, 0)
        except DecodeError:
            continue
        assert encode_varint(value) == data[:behind]
        accepted += 1
    assert accepted == 64 * 256 + (16384 - 64)


@given(st.binary(max_size=6), st.integers(0, 7))
def test_any_bytes_at_any_offset_decode_or_raise_decode_error(data: bytes, offset: int):
    try:
        value, behind = decode_varint(data, offset)
    except DecodeError:
        return
    assert data[offset:behind] == encode_varint(value)
