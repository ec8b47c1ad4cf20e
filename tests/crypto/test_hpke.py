from __future__ import annotations

import pytest

from tacit.crypto.aead import AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305, Aead
from tacit.crypto.dhkem import DHKEM_P256, DHKEM_P384, DHKEM_P521, DHKEM_X25519
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


@pytest.mark.parametrize("private", [b"", bytes(31), bytes(33)])
def test_private_keys_of_any_other_length_are_refused(private: bytes):
    hpke = Hpke(DHKEM_X25519, HKDF_SHA256, AES_128_GCM)
    kem_output, ciphertext = hpke.seal(DHKEM_X25519.derive_key_pair(b"\x03" * 32).public, b"", b"")
    with pytest.raises(CryptoError):
        hpke.open(private, kem_output, b"", ciphertext)
