from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from tacit.crypto.aead import AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305, Aead
from tacit.crypto.dhkem import DHKEM_P256, DHKEM_P384, DHKEM_P521, DHKEM_X25519, DhKem
from tacit.crypto.errors import BadKey
from tacit.crypto.groups import X25519
from tacit.crypto.hpke import Hpke
from tacit.crypto.kdf import HKDF_SHA256, HKDF_SHA384, HKDF_SHA512, Kdf
from tacit.crypto.kem import Kem
from tacit.crypto.xwing import XWING
from tacit.errors import CryptoError

COMBINATIONS = [
    (XWING, HKDF_SHA384, AES_256_GCM),
    (XWING, HKDF_SHA256, CHACHA20_POLY1305),
    (DHKEM_X25519, HKDF_SHA256, AES_128_GCM),
    (DHKEM_X25519, HKDF_SHA256, CHACHA20_POLY1305),
    (DHKEM_P256, HKDF_SHA256, AES_128_GCM),
    (DHKEM_P384, HKDF_SHA384, AES_256_GCM),
    (DHKEM_P521, HKDF_SHA512, AES_256_GCM),
]


@pytest.mark.parametrize(("kem", "kdf", "aead"), COMBINATIONS)
def test_the_key_schedule_here_opens_what_the_library_seals(kem: Kem, kdf: Kdf, aead: Aead):
    """Two implementations of HPKE meet: this room's decapsulation and key schedule, and OpenSSL's sender."""
    hpke = Hpke(kem, kdf, aead)
    pair = kem.derive_key_pair(b"\x01" * 66)
    kem_output, ciphertext = hpke.seal(pair.public, b"info", b"plaintext")
    context = hpke.schedule(kem.decapsulate(pair.private, kem_output), b"info")
    assert aead.open(context.key, context.base_nonce, b"", ciphertext) == b"plaintext"


@pytest.mark.parametrize(("kem", "kdf", "aead"), COMBINATIONS)
def test_the_library_opens_what_the_key_schedule_here_seals(kem: Kem, kdf: Kdf, aead: Aead):
    hpke = Hpke(kem, kdf, aead)
    pair = kem.derive_key_pair(b"\x02" * 66)
    shared_secret, kem_output = kem.encapsulate(pair.public)
    context = hpke.schedule(shared_secret, b"info")
    ciphertext = aead.seal(context.key, context.base_nonce, b"", b"plaintext")
    assert hpke.open(pair.private, kem_output, b"info", ciphertext) == b"plaintext"


def test_the_context_does_not_show_its_secrets():
    hpke = Hpke(DHKEM_X25519, HKDF_SHA256, AES_128_GCM)
    assert repr(hpke.schedule(b"\x01" * 32, b"")) == "Context()"


class LaxKem(DhKem[X25519PrivateKey, X25519PublicKey]):
    """A KEM whose loader has forgotten to look for points of low order."""

    def load_public(self, data: bytes) -> X25519PublicKey:
        return X25519PublicKey.from_public_bytes(data)


def test_a_point_of_low_order_that_a_loader_lets_through_is_refused_by_the_library():
    hpke = Hpke(LaxKem(0x0020, X25519, HKDF_SHA256, DHKEM_X25519.pyca), HKDF_SHA256, AES_128_GCM)
    hpke.seal(DHKEM_X25519.derive_key_pair(b"\x04" * 32).public, b"", b"plaintext")
    with pytest.raises(BadKey, match="public key"):
        hpke.seal(bytes(32), b"", b"plaintext")


@pytest.mark.parametrize("private", [b"", bytes(31), bytes(33)])
def test_private_keys_of_any_other_length_are_refused(private: bytes):
    hpke = Hpke(DHKEM_X25519, HKDF_SHA256, AES_128_GCM)
    kem_output, ciphertext = hpke.seal(DHKEM_X25519.derive_key_pair(b"\x03" * 32).public, b"", b"")
    with pytest.raises(CryptoError):
        hpke.open(private, kem_output, b"", ciphertext)
