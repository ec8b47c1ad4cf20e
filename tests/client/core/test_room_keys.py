"""What follows from a link secret, pinned: another implementation has to come to the same bytes."""

from __future__ import annotations

import hashlib

import pytest

from tacit.client.core import room_keys
from tacit.errors import DecodeError
from tacit.testing.entropy import SeededEntropy

SECRET, OTHER_SECRET = bytes(range(32)), bytes(range(1, 33))
PSK = "4b9ecaec8538cf1d20dba6b2a0f947fe37d2ef46a04a259ddf97e34d081299b5"
TOKEN = "e25b666041a7ef50cbdac194070f158fb7b8799f86199d69dbfdae00303c5133"
ROOM, OTHER_ROOM = b"r" * 16, b"s" * 16


def test_derivations_are_what_they_were() -> None:
    assert room_keys.psk_id(ROOM, 5) == b"tacit 1.0 room psk" + ROOM + bytes(7) + b"\x05"
    assert {
        "psk": room_keys.psk(SECRET, ROOM).hex(),
        "token": room_keys.join_token(SECRET, ROOM).hex(),
    } == {
        "psk": PSK,
        "token": TOKEN,
    }
    assert room_keys.join_token_hash(SECRET, ROOM) == hashlib.sha256(bytes.fromhex(TOKEN)).digest()


def test_every_use_room_and_secret_has_its_own() -> None:
    derived = [
        derive(secret, room)
        for derive in (room_keys.psk, room_keys.join_token, room_keys.join_token_hash)
        for secret in (SECRET, OTHER_SECRET)
        for room in (ROOM, OTHER_ROOM)
    ]
    assert len(set(derived)) == 12


def test_what_was_sealed_opens_for_its_room_use_and_secret_alone() -> None:
    entropy = SeededEntropy(1, "sealing")
    info = room_keys.seal_group_info(SECRET, ROOM, b"info", entropy)
    commit = room_keys.seal_commit(SECRET, ROOM, b"commit", entropy)
    assert room_keys.open_group_info(SECRET, ROOM, info) == b"info"
    assert room_keys.open_commit(SECRET, ROOM, commit) == b"commit"
    for secret, room, sealed in (
        (OTHER_SECRET, ROOM, info),
        (SECRET, OTHER_ROOM, info),
        (SECRET, ROOM, commit),
        (SECRET, ROOM, info[:-1]),
        (SECRET, ROOM, info[:14]),
        (SECRET, ROOM, b"\x00" + info[1:]),
        (SECRET, ROOM, b""),
    ):
        with pytest.raises(DecodeError):
            room_keys.open_group_info(secret, room, sealed)
    for place in range(len(info)):
        flipped = bytes([*info[:place], info[place] ^ 1, *info[place + 1 :]])
        with pytest.raises(DecodeError):
            room_keys.open_group_info(SECRET, ROOM, flipped)
    assert room_keys.seal_commit(SECRET, ROOM, b"commit", entropy) != commit, "a nonce serves once"


def test_sealed_bytes_are_told_from_those_of_mls() -> None:
    assert room_keys.is_sealed(room_keys.seal_commit(SECRET, ROOM, b"", SeededEntropy(1, "x")))
    assert not room_keys.is_sealed(b"\x00\x01\x00\x01" + bytes(40))
