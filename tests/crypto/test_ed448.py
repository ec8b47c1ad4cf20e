from __future__ import annotations

import random

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey

from tacit.crypto.eddsa import ED448
from tacit.crypto.errors import BadKey
from tacit.errors import CryptoError
from tests.crypto.edwards import Edwards, Point

PRIME = 2**448 - 2**224 - 1
CURVE = Edwards(
    PRIME,
    a=1,
    d=-39081,
    order=2**446 - 13818066809895115352007386748515426880336692474882178609894547503885,
    size=57,
)


def point_with_y(y: int) -> Point | None:
    square = (1 - y * y) * pow(1 - CURVE.d * y * y, -1, PRIME) % PRIME
    root = pow(square, (PRIME + 1) // 4, PRIME)
    return (root, y) if root * root % PRIME == square else None


SMALL_ORDER = CURVE.small_order_points(point_with_y, cofactor=4)
SMALL_ORDER_ENCODINGS = sorted({CURVE.encode(y, sign) for _, y in SMALL_ORDER for sign in (0, 1)})
PAIR = ED448.key_pair(b"\x01" * 57)


def test_there_are_four_small_points():
    assert len(SMALL_ORDER) == 4
    assert len(SMALL_ORDER_ENCODINGS) == 6  # the points 1 and -1 have no x to sign, and yet two encodings each


@pytest.mark.parametrize("public", SMALL_ORDER_ENCODINGS, ids=lambda public: public.hex()[:8] + public.hex()[-2:])
def test_every_point_of_small_order_is_refused(public: bytes):
    with pytest.raises(BadKey):
        ED448.check_public_key(public)
    with pytest.raises(BadKey):
        ED448.verify(public, b"anything", bytes(114))


def test_every_encoding_above_the_prime_and_every_stray_bit_is_refused():
    known = int.from_bytes(PAIR.public, "little") & ((1 << 455) - 1)
    above = [PRIME, PRIME + 1, PRIME + 2, 2**448 - 1, *(known | 1 << bit for bit in range(448, 455)), 2**455 - 1]
    for y in above:
        for sign in (0, 1):
            with pytest.raises(BadKey, match="canonical"):
                ED448.check_public_key(CURVE.encode(y, sign))
    ED448.check_public_key(CURVE.encode(known, 0))
    ED448.check_public_key(CURVE.encode(known, 1))


def test_the_forgery_that_the_library_alone_would_accept_is_refused():
    """Under the point of order 4 with y = 0, itself and S = 0 is a signature of every fourth message."""
    public = CURVE.encode(0, 0)
    forgery = public + bytes(57)
    accepted = 0
    for number in range(64):
        message = b"message %d" % number
        try:
            Ed448PublicKey.from_public_bytes(public).verify(forgery, message)
        except InvalidSignature:
            continue
        accepted += 1
        with pytest.raises(BadKey):
            ED448.verify(public, message, forgery)
    assert accepted > 0


def test_a_signature_with_the_order_added_to_s_is_refused():
    signature = ED448.sign(PAIR.private, b"data")
    ED448.verify(PAIR.public, b"data", signature)
    raised = int.from_bytes(signature[57:], "little") + CURVE.order
    with pytest.raises(CryptoError):
        ED448.verify(PAIR.public, b"data", signature[:57] + raised.to_bytes(57, "little"))


def test_rfc_8032_section_7_4_blank():
    pair = ED448.key_pair(
        bytes.fromhex(
            "6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e39a3fc5b94492f8f"
            "032e7549a20098f95b"
        )
    )
    assert pair.public.hex() == (
        "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c7061bd6783df1e50f6c"
        "d1fa1abeafe8256180"
    )
    assert ED448.sign(pair.private, b"").hex() == (
        "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd7a22ddd47d78"
        "28c59bd0a21bfd3980ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4db"
        "b61149f05a7363268c71d95808ff2e652600"
    )


@pytest.mark.parametrize("size", [0, 56, 58, 114])
def test_keys_of_any_other_length_are_refused(size: int):
    with pytest.raises(BadKey):
        ED448.check_public_key(b"\x02" * size)
    with pytest.raises(BadKey):
        ED448.sign(b"\x02" * size, b"")


def test_a_fresh_pair_follows_from_the_entropy():
    pair = ED448.generate(random.Random(1).randbytes)
    assert pair == ED448.generate(random.Random(1).randbytes) == ED448.key_pair(random.Random(1).randbytes(57))
    assert len(ED448.sign(pair.private, b"data")) == ED448.signature_size
