from __future__ import annotations

import pytest

from tacit.crypto.aead import AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305, NONCE_SIZE, TAG_SIZE, Aead
from tacit.crypto.errors import BadKey
from tacit.errors import CryptoError

AEADS = [
    pytest.param(AES_128_GCM, id="aes-128-gcm"),
    pytest.param(AES_256_GCM, id="aes-256-gcm"),
    pytest.param(CHACHA20_POLY1305, id="chacha20-poly1305"),
]
NONCE = bytes(range(NONCE_SIZE))


@pytest.mark.parametrize("aead", AEADS)
@pytest.mark.parametrize("plaintext", [b"", b"hello", bytes(1000)])
def test_what_is_sealed_opens(aead: Aead, plaintext: bytes):
    key = bytes(range(aead.key_size))
    ciphertext = aead.seal(key, NONCE, b"aad", plaintext)
    assert len(ciphertext) == len(plaintext) + TAG_SIZE
    assert aead.open(key, NONCE, b"aad", ciphertext) == plaintext


@pytest.mark.parametrize("aead", AEADS)
def test_every_flipped_bit_and_every_cut_is_not_authentic(aead: Aead):
    key = bytes(range(aead.key_size))
    ciphertext = aead.seal(key, NONCE, b"aad", b"hello")
    for bit in range(8 * len(ciphertext)):
        changed = bytearray(ciphertext)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CryptoError):
            aead.open(key, NONCE, b"aad", bytes(changed))
    for end in range(len(ciphertext)):
        with pytest.raises(CryptoError):
            aead.open(key, NONCE, b"aad", ciphertext[:end])
    for attempt in ((bytes(aead.key_size), NONCE, b"aad"), (key, bytes(NONCE_SIZE), b"aad"), (key, NONCE, b"add")):
        with pytest.raises(CryptoError):
            aead.open(*attempt, ciphertext)


@pytest.mark.parametrize("aead", AEADS)
@pytest.mark.parametrize("size", [0, 8, 11, 13, 16, 24])
def test_nonces_of_any_other_length_are_refused(aead: Aead, size: int):
    key = bytes(aead.key_size)
    with pytest.raises(BadKey):
        aead.seal(key, bytes(size), b"", b"")
    with pytest.raises(BadKey):
        aead.open(key, bytes(size), b"", bytes(TAG_SIZE))


@pytest.mark.parametrize("aead", AEADS)
@pytest.mark.parametrize("size", [0, 15, 16, 24, 32, 33])
def test_keys_of_any_other_length_are_refused(aead: Aead, size: int):
    if size == aead.key_size:
        aead.seal(bytes(size), NONCE, b"", b"")
        return
    with pytest.raises(BadKey):
        aead.seal(bytes(size), NONCE, b"", b"")
    with pytest.raises(BadKey):
        aead.open(bytes(size), NONCE, b"", bytes(TAG_SIZE))
