from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tacit.crypto.eddsa import ED25519
from tacit.crypto.errors import BadKey
from tacit.errors import CryptoError

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, PRIME) % PRIME
SQRT_MINUS_1 = pow(2, (PRIME - 1) // 4, PRIME)

Point = tuple[int, int]


def add(a: Point, b: Point) -> Point:
    """Addition on the curve, written out here to find the small points without trusting the constants under test."""
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + k, -1, PRIME)
    y = (y1 * y2 + x1 * x2) * pow(1 - k, -1, PRIME)
    return x % PRIME, y % PRIME


def multiply(point: Point, factor: int) -> Point:
    total = (0, 1)
    while factor:
        if factor & 1:
            total = add(total, point)
        point, factor = add(point, point), factor >> 1
    return total


def point_with_y(y: int) -> Point | None:
    u, v = (y * y - 1) % PRIME, (D * y * y + 1) % PRIME
    x = pow(u, (PRIME + 3) // 8, PRIME) * pow(pow(v, (PRIME + 3) // 8, PRIME), -1, PRIME) % PRIME
    for root in (x, x * SQRT_MINUS_1 % PRIME):
        if v * root * root % PRIME == u:
            return root, y
    return None


def encode(y: int, sign: int) -> bytes:
    return (y | sign << 255).to_bytes(32, "little")


def small_order_points() -> set[Point]:
    """All eight, as multiples of one of order 8: a point times the order of the large subgroup."""
    for y in range(2, 100):
        point = point_with_y(y)
        if point is None:
            continue
        torsion = multiply(point, ORDER)
        if multiply(torsion, 4) != (0, 1):
            return {multiply(torsion, factor) for factor in range(8)}
    raise AssertionError("no point of order 8 found")


SMALL_ORDER_ENCODINGS = sorted({encode(y, sign) for _, y in small_order_points() for sign in (0, 1)})
NOT_CANONICAL = [encode(y, sign) for y in range(PRIME, 2**255) for sign in (0, 1)]


def test_there_are_eight_small_points_and_nineteen_values_above_the_prime():
    assert len(small_order_points()) == 8
    assert len(SMALL_ORDER_ENCODINGS) == 10  # the points 1 and -1 have no x to sign, and yet two encodings each
    assert len(NOT_CANONICAL) == 2 * 19


@pytest.mark.parametrize("public", SMALL_ORDER_ENCODINGS, ids=bytes.hex)
def test_every_point_of_small_order_is_refused(public: bytes):
    with pytest.raises(BadKey):
        ED25519.check_public_key(public)
    with pytest.raises(BadKey):
        ED25519.verify(public, b"anything", bytes(64))


@pytest.mark.parametrize("public", NOT_CANONICAL, ids=bytes.hex)
def test_every_encoding_above_the_prime_is_refused(public: bytes):
    with pytest.raises(BadKey):
        ED25519.check_public_key(public)


def test_the_forgery_that_the_library_alone_would_accept_is_refused():
    neutral = encode(1, 0)
    forgery = neutral + bytes(32)
    Ed25519PublicKey.from_public_bytes(neutral).verify(forgery, b"any message at all")
    with pytest.raises(BadKey):
        ED25519.verify(neutral, b"any message at all", forgery)


def test_a_signature_with_the_order_added_to_s_is_refused():
    pair = ED25519.key_pair(b"\x01" * 32)
    signature = ED25519.sign(pair.private, b"data")
    ED25519.verify(pair.public, b"data", signature)
    raised = int.from_bytes(signature[32:], "little") + ORDER
    with pytest.raises(CryptoError):
        ED25519.verify(pair.public, b"data", signature[:32] + raised.to_bytes(32, "little"))


def test_rfc_8032_test_1():
    pair = ED25519.key_pair(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert pair.public.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert ED25519.sign(pair.private, b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_keys_of_any_other_length_are_refused(size: int):
    with pytest.raises(BadKey):
        ED25519.check_public_key(b"\x02" * size)
    with pytest.raises(BadKey):
        ED25519.sign(b"\x02" * size, b"")
