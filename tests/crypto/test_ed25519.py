from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tacit.crypto.eddsa import ED25519
from tacit.crypto.errors import BadKey
from tacit.errors import CryptoError
from tests.crypto.edwards import NEUTRAL, Edwards, Point

PRIME = 2**255 - 19
CURVE = Edwards(
    PRIME,
    a=-1,
    d=-121665 * pow(121666, -1, PRIME) % PRIME,
    order=2**252 + 27742317777372353535851937790883648493,
    size=32,
)
BASE_Y = 4 * pow(5, -1, PRIME) % PRIME
SQRT_MINUS_1 = pow(2, (PRIME - 1) // 4, PRIME)


def point_with_y(y: int) -> Point | None:
    u, v = (y * y - 1) % PRIME, (CURVE.d * y * y + 1) % PRIME
    x = pow(u, (PRIME + 3) // 8, PRIME) * pow(pow(v, (PRIME + 3) // 8, PRIME), -1, PRIME) % PRIME
    for root in (x, x * SQRT_MINUS_1 % PRIME):
        if v * root * root % PRIME == u:
            return root, y
    return None


SMALL_ORDER = CURVE.small_order_points(point_with_y, cofactor=8)
SMALL_ORDER_ENCODINGS = sorted({CURVE.encode(y, sign) for _, y in SMALL_ORDER for sign in (0, 1)})
NOT_CANONICAL = [CURVE.encode(y, sign) for y in range(PRIME, 2**255) for sign in (0, 1)]


def test_there_are_eight_small_points_and_nineteen_values_above_the_prime():
    assert len(SMALL_ORDER) == 8
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
    neutral = CURVE.encode(1, 0)
    forgery = neutral + bytes(32)
    Ed25519PublicKey.from_public_bytes(neutral).verify(forgery, b"any message at all")
    with pytest.raises(BadKey):
        ED25519.verify(neutral, b"any message at all", forgery)


def test_a_signature_with_the_order_added_to_s_is_refused():
    pair = ED25519.key_pair(b"\x01" * 32)
    signature = ED25519.sign(pair.private, b"data")
    ED25519.verify(pair.public, b"data", signature)
    raised = int.from_bytes(signature[32:], "little") + CURVE.order
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


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 20])
def test_openssl_and_libsodium_sign_alike_and_verify_each_other(data: bytes):
    private = hashlib.sha256(data).digest()
    theirs = Ed25519PrivateKey.from_private_bytes(private)
    public = theirs.public_key().public_bytes_raw()
    assert ED25519.key_pair(private).public == public
    assert ED25519.sign(private, data) == theirs.sign(data)
    ED25519.verify(public, data, theirs.sign(data))
    theirs.public_key().verify(ED25519.sign(private, data), data)


@pytest.mark.parametrize("borrowed", [-1, 1])
def test_a_signature_of_another_length_does_not_borrow_from_the_data(borrowed: int):
    pair = ED25519.key_pair(bytes(32))
    signature = ED25519.sign(pair.private, b"data")
    cut = len(signature) + borrowed
    signed = signature + b"data"
    ED25519.verify(pair.public, signed[64:], signed[:64])
    with pytest.raises(CryptoError):
        ED25519.verify(pair.public, signed[cut:], signed[:cut])


@pytest.mark.parametrize("nonce", [7, 0])
@pytest.mark.parametrize("torsion", sorted(SMALL_ORDER))
def test_libsodium_takes_what_openssl_takes_but_for_a_nonce_of_zero(nonce: int, torsion: Point):
    """Both verify without the cofactor. A signer who takes zero for the nonce has published his private key."""
    hashed = hashlib.sha512(bytes(32)).digest()
    secret = int.from_bytes(hashed[:32], "little") & ((1 << 254) - 8) | 1 << 254
    public = ED25519.key_pair(bytes(32)).public
    base = point_with_y(BASE_Y)
    assert base is not None
    base = base if base[0] % 2 == 0 else (PRIME - base[0], base[1])
    x, y = CURVE.add(CURVE.multiply(base, nonce), torsion)
    r = CURVE.encode(y, x & 1)
    k = int.from_bytes(hashlib.sha512(r + public + b"data").digest(), "little")
    signature = r + ((nonce + k * secret) % CURVE.order).to_bytes(32, "little")

    def is_taken(verify: Callable[[], None]) -> bool:
        try:
            verify()
        except (InvalidSignature, CryptoError):
            return False
        return True

    theirs = is_taken(lambda: Ed25519PublicKey.from_public_bytes(public).verify(signature, b"data"))
    assert theirs == (torsion == NEUTRAL)
    assert is_taken(lambda: ED25519.verify(public, b"data", signature)) == (theirs and nonce != 0)
