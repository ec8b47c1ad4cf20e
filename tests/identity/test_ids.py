from __future__ import annotations

import hashlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.errors import DecodeError
from tacit.identity import BadId, account_id, check_id, device_id, format_id, parse_id
from tests.identity.people import ALICE, BOB, LAPTOP

UUID8 = "7c9e6679-7425-80de-944b-e07fc1f90ae7"


@given(st.binary(max_size=100))
def test_an_id_is_a_uuid_of_version_8_cut_from_the_hash(key: bytes):
    identifier = account_id(key)
    parsed = uuid.UUID(bytes=bytes(identifier))
    assert (parsed.version, parsed.variant) == (8, uuid.RFC_4122)
    kept = int("ffffffffffff0fff3fffffffffffffff", 16)
    assert int.from_bytes(identifier, "big") & kept == int.from_bytes(hashlib.sha256(key).digest()[:16], "big") & kept


def test_ids_differ_with_the_key_and_stay_the_same_for_one():
    assert ALICE.id == account_id(ALICE.public)
    assert len({ALICE.id, BOB.id, device_id(LAPTOP.public)}) == 3


@given(st.binary(max_size=50))
def test_text_and_bytes_are_two_forms_of_one_id(key: bytes):
    identifier = account_id(key)
    assert parse_id(format_id(identifier)) == identifier
    assert parse_id(f"  {format_id(identifier).upper()}\n") == identifier


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bob",
        UUID8[:-1],
        UUID8 + "0",
        UUID8.replace("-", ""),
        "{" + UUID8 + "}",
        "urn:uuid:" + UUID8,
        UUID8.replace("80de", "40de"),
        UUID8.replace("944b", "c44b"),
        UUID8.replace("7c", "7g"),
        UUID8.replace("7c", "７c"),
        "00000000-0000-0000-0000-000000000000",
    ],
)
def test_what_is_no_id_is_refused(text: str):
    with pytest.raises(BadId):
        parse_id(text)


@pytest.mark.parametrize("identifier", [b"", bytes(15), bytes(16), bytes(17), uuid.UUID(int=2**127).bytes])
def test_bytes_that_are_no_id_are_refused(identifier: bytes):
    with pytest.raises(DecodeError):
        check_id(identifier)
    with pytest.raises(DecodeError):
        format_id(identifier)
