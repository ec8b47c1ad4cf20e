"""docs/protocol.md says enough to pair: its formulas written down once more, with nothing of ours but the page."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

from argon2.low_level import Type, hash_secret_raw

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text("utf-8")
LIST = (ROOT / "src" / "tacit" / "identity" / "words.txt").read_text("ascii").split()


def opaque(data: bytes) -> bytes:
    """A vector of RFC 9420 §2.1.2, for the two lengths that occur here."""
    return (bytes((len(data),)) if len(data) < 64 else (0x4000 | len(data)).to_bytes(2, "big")) + data


def h(label: str, content: bytes) -> bytes:
    return hashlib.sha256(opaque(label.encode()) + opaque(content)).digest()


class Keys:
    def __init__(self, salt: bytes, key: bytes) -> None:
        self.prk = hmac.digest(salt, key, "sha384")

    def e(self, label: str) -> bytes:
        return hmac.digest(self.prk, opaque(label.encode()) + opaque(b"") + b"\x01", "sha384")

    def m(self, label: str, content: bytes) -> bytes:
        return hmac.digest(self.e(label), opaque(label.encode()) + opaque(content), "sha384")


def example() -> dict[str, str]:
    block = PAGE.split("<!-- begin pairing example -->")[1].split("<!-- end pairing example -->")[0]
    return dict(re.findall(r"^([^\s`:]+): +(\S+)$", block, re.MULTILINE))


def test_the_formulas_of_the_page_give_its_example():
    told, label = example(), "tacit 1.0 pairing"
    salt = h(label, b"\x00\x01" + opaque(b"\x01" * 32) + opaque(b"A3F2B1") + b"\x02" * 32 + b"\x03" * 32)
    key = bytes.fromhex(told["key"])
    keys, number = Keys(salt, key), b"\x04" * 32
    commitment = h(f"{label} commitment", number)
    t1 = h(f"{label} offer", salt + opaque(commitment) + opaque(b"\x05" * 100))
    t2 = h(f"{label} acceptance", t1 + opaque(b"\x06" * 100) + opaque(b"\x07" * 100))
    t3 = h(f"{label} confirmation", t2 + opaque(number))
    computed = {
        "salt": salt,
        "key": key,
        "commitment": commitment,
        "t1": t1,
        "offer.mac": keys.m(f"{label} offer", t1),
        "psk_id": h(f"{label} psk id", t1),
        "psk": keys.e(f"{label} psk"),
        "t2": t2,
        "acceptance.mac": keys.m(f"{label} acceptance", t2),
        "t3": t3,
        "confirmation.mac": keys.m(f"{label} confirmation", t3 + opaque(b"\x08" * 48)),
    }
    assert told == {name: value.hex() for name, value in computed.items()}


def test_the_words_of_the_page_are_stretched_to_its_key():
    told = example()
    salt = bytes.fromhex(told["salt"])
    key = hash_secret_raw(b"maple-orbit-lantern", salt, 3, 256 * 1024, 4, 32, Type.ID)
    assert key.hex() == told["key"]
    assert "3 passes, 256 MiB, 4 lanes, 32 bytes" in PAGE


def test_a_phrase_of_the_page_is_read_from_the_list():
    number = int.from_bytes(bytes.fromhex("0123456789"), "big") >> 7
    phrase = " ".join(LIST[number >> shift & 0x7FF] for shift in (22, 11, 0))
    assert f"phrase of 0123456789: {phrase}\n" in PAGE
