from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tacit.crypto.dhkem import DHKEM_P256, DHKEM_P384, DHKEM_P521, DHKEM_X448, DHKEM_X25519, DhKem
from tacit.crypto.groups import NistGroup
from tacit.crypto.kdf import HKDF_SHA256
from tacit.errors import CryptoError

KEMS = [
    pytest.param(kem, id=f"0x{kem.id:04x}") for kem in (DHKEM_P256, DHKEM_P384, DHKEM_P521, DHKEM_X25519, DHKEM_X448)
]


def with_order(order: int) -> DhKem[ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey]:
    """P-256 as if its group had so few elements, so that most candidates for a scalar are none."""
    return DhKem(0x0010, NistGroup(ec.SECP256R1(), 32, order), HKDF_SHA256)


@pytest.mark.parametrize("kem", KEMS)
def test_sizes_are_those_of_the_rfc(kem: DhKem):
    """Nenc, Npk and Nsk. Source: RFC 9180 §7.1"""
    sizes = {0x10: (65, 32), 0x11: (97, 48), 0x12: (133, 66), 0x20: (32, 32), 0x21: (56, 56)}
    public, private = sizes[kem.id]
    assert (kem.output_size, kem.public_key_size, kem.private_key_size) == (public, public, private)
    pair = kem.derive_key_pair(b"ikm")
    assert (len(pair.public), len(pair.private)) == (public, private)


@pytest.mark.parametrize("kem", KEMS)
def test_both_sides_get_one_secret_as_long_as_the_hash(kem: DhKem):
    pair = kem.derive_key_pair(b"ikm")
    secret, kem_output = kem.encapsulate(pair.public)
    assert kem.decapsulate(pair.private, kem_output) == secret
    assert len(secret) == kem.kdf.size
    assert kem.encapsulate(pair.public)[0] != secret
    for bad in (b"", kem_output[:-1], bytes(len(kem_output))):
        with pytest.raises(CryptoError):
            kem.decapsulate(pair.private, bad)


def test_candidates_for_a_scalar_are_tried_until_one_is_below_the_order():
    tried = []
    for number in range(30):
        kem, ikm = with_order(5), b"ikm %d" % number
        prk = HKDF_SHA256.labeled_extract(b"KEM\x00\x10", b"", b"dkp_prk", ikm)
        candidates = (
            HKDF_SHA256.labeled_expand(b"KEM\x00\x10", prk, b"candidate", bytes((counter,)), 32)[-1] & 0b111
            for counter in range(256)
        )
        counter, scalar = next((at, value) for at, value in enumerate(candidates) if 0 < value < 5)
        assert int.from_bytes(kem.derive_key_pair(ikm).private, "big") == scalar
        tried.append(counter)
    assert max(tried) >= 3


def test_an_ikm_without_any_candidate_below_the_order_gives_no_key_pair():
    with pytest.raises(CryptoError, match="ikm"):
        with_order(1).derive_key_pair(b"ikm")
