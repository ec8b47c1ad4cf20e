from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tacit.crypto.errors import BadKey
from tacit.crypto.groups import P256, P384, P521, X448, X25519, NistGroup
from tacit.errors import CryptoError

PRIME = 2**255 - 19
A = 486662
CURVES = [pytest.param(group, id=group.curve.name) for group in (P256, P384, P521)]


def small_u_coordinates() -> set[int]:
    """Found by the arithmetic of the curve: 0, and the roots where doubling once or twice leads to 0 or infinity."""
    order_4 = {1, PRIME - 1}
    order_8 = set()
    # Doubling takes u to (u^2 - 1)^2 / (4u(u^2 + Au + 1)); that is 1 or -1 for points of order 8.
    for target in order_4:
        # (u^2 - 1)^2 - 4 t u (u^2 + A u + 1) = 0, a palindromic quartic: v = u + 1/u, v^2 - 4 t v - 4 t A - 4 = 0
        half = 2 * target
        root = square_root((half * half + 4 * target * A + 4) % PRIME)
        if root is None:
            continue
        for v in ((half + root) % PRIME, (half - root) % PRIME):
            inner = square_root((v * v - 4) % PRIME)
            if inner is not None:
                order_8 |= {(v + inner) * pow(2, -1, PRIME) % PRIME, (v - inner) * pow(2, -1, PRIME) % PRIME}
    return {0} | order_4 | order_8


def square_root(value: int) -> int | None:
    root = pow(value, (PRIME + 3) // 8, PRIME)
    for candidate in (root, root * pow(2, (PRIME - 1) // 4, PRIME) % PRIME):
        if candidate * candidate % PRIME == value:
            return candidate
    return None


def low_order_encodings() -> list[bytes]:
    values = {u + extra for u in small_u_coordinates() for extra in (0, PRIME) if u + extra < 2**255}
    return sorted((value | top << 255).to_bytes(32, "little") for value in values for top in (0, 1))


LOW_ORDER = low_order_encodings()


def test_the_points_of_low_order_are_the_five_known_ones():
    assert len(small_u_coordinates()) == 5
    assert len(LOW_ORDER) == 2 * (5 + 2)  # 0 and 1 can also be written above the prime


@pytest.mark.parametrize("public", LOW_ORDER, ids=bytes.hex)
def test_every_encoding_of_a_point_of_low_order_is_refused(public: bytes):
    with pytest.raises(ValueError, match="shared key"):
        X25519PrivateKey.from_private_bytes(b"\x01" * 32).exchange(X25519PublicKey.from_public_bytes(public))
    with pytest.raises(BadKey):
        X25519.load_public(public)
    with pytest.raises(BadKey):
        X25519.check_public(public)


def test_other_values_above_the_prime_are_reduced_as_rfc_7748_demands():
    private = X25519.load_private(b"\x01" * 32)
    canonical = X25519.load_public((9).to_bytes(32, "little"))
    raised = X25519.load_public((9 + PRIME).to_bytes(32, "little"))
    top_bit = X25519.load_public((9 | 1 << 255).to_bytes(32, "little"))
    shared = {X25519.exchange(private, public) for public in (canonical, raised, top_bit)}
    assert len(shared) == 1


def test_rfc_7748_section_6_1():
    alice = X25519.load_private(bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
    bob = X25519.load_private(bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
    assert X25519.public_bytes(alice).hex() == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    shared = X25519.exchange(alice, X25519.load_public(X25519.public_bytes(bob)))
    assert shared.hex() == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_x25519_keys_of_any_other_length_are_refused(size: int):
    with pytest.raises(BadKey):
        X25519.load_public(b"\x02" * size)
    with pytest.raises(BadKey):
        X25519.load_private(b"\x02" * size)


PRIME_448 = 2**448 - 2**224 - 1
A_448 = 156326
LOW_ORDER_448 = [u + extra for u in (0, 1, PRIME_448 - 1) for extra in (0, PRIME_448) if u + extra < 2**448]


def test_the_points_of_low_order_of_x448_are_the_three_known_ones():
    """Only u = 0 is of order 2, since u^2 + Au + 1 has no root; 1 and -1 double to it; nothing doubles to them."""

    def is_square(value: int) -> bool:
        return pow(value, (PRIME_448 - 1) // 2, PRIME_448) != PRIME_448 - 1

    assert not is_square(A_448 * A_448 - 4)
    for target in (1, PRIME_448 - 1):
        # As for X25519 above: u would be a root of v^2 - 4 t v - 4 t A - 4 with v = u + 1/u, and of u^2 - v u + 1.
        discriminant = (4 + 4 * target * A_448 + 4) % PRIME_448
        root = pow(discriminant, (PRIME_448 + 1) // 4, PRIME_448)
        if root * root % PRIME_448 == discriminant:
            assert not any(is_square((v * v - 4) % PRIME_448) for v in (2 * target + root, 2 * target - root))


@pytest.mark.parametrize("u", LOW_ORDER_448)
def test_every_encoding_of_an_x448_point_of_low_order_is_refused(u: int):
    public = u.to_bytes(56, "little")
    with pytest.raises(ValueError, match="shared key"):
        X448PrivateKey.from_private_bytes(b"\x01" * 56).exchange(X448PublicKey.from_public_bytes(public))
    with pytest.raises(BadKey):
        X448.load_public(public)
    with pytest.raises(BadKey):
        X448.check_public(public)


def test_other_values_of_x448_above_the_prime_are_reduced():
    private = X448.load_private(b"\x01" * 56)
    canonical, raised = (X448.load_public(u.to_bytes(56, "little")) for u in (5, 5 + PRIME_448))
    assert X448.exchange(private, canonical) == X448.exchange(private, raised)


def test_rfc_7748_section_6_2():
    alice, bob = (
        X448.load_private(bytes.fromhex(private))
        for private in (
            "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b",
            "1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d6927c120bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d",
        )
    )
    assert X448.public_bytes(alice).hex() == (
        "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0"
    )
    assert X448.exchange(alice, X448.load_public(X448.public_bytes(bob))).hex() == (
        "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56fd2464c335543936521c24403085d59a449a5037514a879d"
    )


@pytest.mark.parametrize(
    ("group", "private", "zeros"), [(X25519, b"\x01" * 32, bytes(32)), (X448, b"\x01" * 56, bytes(56))]
)
def test_a_shared_secret_of_zeros_is_refused_even_if_a_bad_point_got_this_far(group, private: bytes, zeros: bytes):
    unchecked = (X25519PublicKey if group is X25519 else X448PublicKey).from_public_bytes(zeros)
    with pytest.raises(CryptoError, match="zeros"):
        group.exchange(group.load_private(private), unchecked)


@pytest.mark.parametrize("size", [0, 55, 57, 112])
def test_x448_keys_of_any_other_length_are_refused(size: int):
    with pytest.raises(BadKey):
        X448.load_public(b"\x02" * size)
    with pytest.raises(BadKey):
        X448.load_private(b"\x02" * size)


@pytest.mark.parametrize("group", CURVES)
def test_both_sides_of_a_nist_exchange_agree(group: NistGroup):
    ours, theirs = group.generate(), group.load_private(b"\x05")
    shared = group.exchange(ours, group.load_public(group.public_bytes(theirs)))
    assert shared == group.exchange(theirs, group.load_public(group.public_bytes(ours)))
    assert len(group.public_bytes(ours)) == group.public_key_size


@pytest.mark.parametrize("group", CURVES)
def test_compressed_hybrid_and_infinite_points_are_refused(group: NistGroup):
    public = group.load_private(b"\x05").public_key()
    compressed = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    uncompressed = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    hybrid = bytes([6 + uncompressed[-1] % 2]) + uncompressed[1:]
    off_curve = uncompressed[:-1] + bytes([uncompressed[-1] ^ 1])
    for bad in (b"", b"\x00", compressed, hybrid, off_curve, uncompressed[:-1], uncompressed + b"\x00"):
        with pytest.raises(BadKey):
            group.load_public(bad)
        with pytest.raises(BadKey):
            group.check_public(bad)


@pytest.mark.parametrize("group", CURVES)
def test_nist_private_keys_outside_the_order_are_refused(group: NistGroup):
    size = group.private_key_size
    group.load_private((group.order - 1).to_bytes(size, "big"))
    for bad in (b"", bytes(size), group.order.to_bytes(size, "big"), b"\xff" * size, bytes(size) + b"\x01"):
        with pytest.raises(BadKey):
            group.load_private(bad)


@pytest.mark.parametrize("group", CURVES)
def test_leading_zeros_of_a_nist_private_key_may_be_missing(group: NistGroup):
    short = group.load_private(b"\x05")
    full = group.load_private(b"\x05".rjust(group.private_key_size, b"\x00"))
    assert group.public_bytes(short) == group.public_bytes(full)
