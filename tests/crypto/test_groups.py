from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tacit.crypto.errors import BadKey
from tacit.crypto.groups import P256, P384, P521, X25519, NistGroup

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
