"""docs/protocol.md on what is inside payloads, followed with nothing but the page, and compared with the code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tacit.client.core import heads, room_keys
from tacit.client.core.commits import FRESH_KEYS_MESSAGES, FRESH_KEYS_MESSAGES_AT_MOST, FRESH_KEYS_PAUSE_S, FRESH_KEYS_S
from tacit.client.core.group_info import GROUP_INFO_EXTENSION, PQ_DRAFT, GroupInfo, GroupKind, encode_group_info
from tacit.client.core.nicks import MAX_NICK_CHARS, NICK_EXTENSION
from tacit.client.key_stock import LOW
from tacit.crypto.padme import padme
from tacit.crypto.suites import DEFAULT_SUITE
from tacit.identity import safety_number
from tacit.limits import KEY_PACKAGE_LIFETIME_S, MAX_TEXT_BYTES, ONE_TIME_KEY_PACKAGES

PAGE = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text("utf-8")
FLAT = " ".join(PAGE.split())

SECRET, ROOM = bytes(range(32)), bytes(range(16))


def vector(data: bytes) -> bytes:
    """``opaque<V>`` of fewer than 64 bytes. Source: RFC 9420 §2.1.2"""
    assert len(data) < 64
    return bytes([len(data)]) + data


def derived(use: str) -> bytes:
    """One block of HKDF-Expand. Source: RFC 5869 §2.3"""
    info = b"tacit 1.0 room " + use.encode() + b"\x00" + ROOM
    return hmac.digest(SECRET, info + b"\x01", "sha256")


def test_what_a_group_says_about_itself() -> None:
    admins = (b"\x01" * 16, b"\x02" * 16)
    group = GroupInfo(GroupKind.GROUP, "climbing", admins)
    body = vector(b"climbing") + vector(b"".join(admins)) + vector(b"06")
    assert encode_group_info(group) == b"\x00\x01" + b"\x02" + body
    room = GroupInfo(GroupKind.ROOM, "climbing", admins, version=2, locked=True, public=True, link_epoch=7)
    assert encode_group_info(room) == b"\x00\x02" + b"\x03" + body + b"\x03" + (7).to_bytes(8, "big")
    assert (GROUP_INFO_EXTENSION, NICK_EXTENSION, DEFAULT_SUITE, PQ_DRAFT) == (0xF7A0, 0xF7A1, 0xF062, "06")
    for number in ("`0xF7A0`", "`0xF7A1`", "`0xF062`"):
        assert number in PAGE


def test_what_follows_from_the_secret_of_a_room() -> None:
    assert room_keys.psk(SECRET, ROOM) == derived("psk")
    assert room_keys.psk_id(ROOM, 7) == b"tacit 1.0 room psk" + ROOM + (7).to_bytes(8, "big")
    assert room_keys.join_token(SECRET, ROOM) == derived("join token")
    assert room_keys.join_token_hash(SECRET, ROOM) == hashlib.sha256(derived("join token")).digest()
    for use, seal in (("group info", room_keys.seal_group_info), ("commit", room_keys.seal_commit)):
        sealed = seal(SECRET, ROOM, b"what is kept", lambda size: b"\x05" * size)
        assert sealed[:3] == bytes.fromhex("f7 a1 01")
        assert AESGCM(derived(use)).decrypt(sealed[3:15], sealed[15:], ROOM) == b"what is kept"
        assert f"| `{use}` |" in PAGE


def test_safety_numbers() -> None:
    mine, theirs = b"\x02" * 44, b"\x01" * 44

    def half(key: bytes) -> str:
        digest = hashlib.sha512(vector(b"tacit 1.0 safety number") + vector(key)).digest()
        return "".join(f"{int.from_bytes(digest[at : at + 5], 'big') % 100_000:05}" for at in range(0, 30, 5))

    number = safety_number(mine, theirs)
    assert number.digits == "".join(sorted([half(mine), half(theirs)]))
    inner = b"\x40\x58" + theirs.hex().encode() + vector(mine)
    outer = vector(b"tacit 1.0 safety number scanned") + b"\x40" + bytes([len(inner)]) + inner
    scanned = base64.b32encode(hashlib.sha256(outer).digest()).rstrip(b"=")
    assert number.qr == b"TACIT:VERIFY/1/" + scanned


def test_the_running_head() -> None:
    authenticator, payload = b"\x07" * 48, b"an entry"
    head = hashlib.sha256(b"tacit head" + authenticator).digest()
    assert heads.first_head(authenticator) == head
    after = hashlib.sha256(head + (9).to_bytes(8, "big") + hashlib.sha256(payload).digest()).digest()
    assert heads.next_head(head, 9, payload) == after
    assert heads.next_head(b"", 9, payload) == b""


@pytest.mark.parametrize("length", [2, 3, 9, 100, 1000, 4097, 65_535])
def test_padding(length: int) -> None:
    exponent = math.floor(math.log2(length))
    zeros = exponent - (math.floor(math.log2(exponent)) + 1 if exponent else 0)
    step = 2**zeros
    assert padme(length) == -(-length // step) * step


def test_the_numbers_in_the_sentences() -> None:
    assert f"a day or {FRESH_KEYS_MESSAGES} own texts" in FLAT
    assert (FRESH_KEYS_S, FRESH_KEYS_PAUSE_S) == (86_400, 60)
    assert f"unless it is {FRESH_KEYS_MESSAGES_AT_MOST:,} texts" in FLAT
    assert f"1 to {MAX_NICK_CHARS} letters" in FLAT
    assert f"`text` has 1 to {MAX_TEXT_BYTES:,} bytes" in FLAT
    assert f"Keep {ONE_TIME_KEY_PACKAGES} one-time ones" in FLAT
    assert LOW == 10
    assert "fill up when ten or fewer are left" in FLAT
    assert KEY_PACKAGE_LIFETIME_S == 28 * 86_400
