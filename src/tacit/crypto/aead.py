"""Authenticated encryption: AES-GCM and ChaCha20-Poly1305 with keys and nonces of exactly the right length.

OpenSSL takes GCM nonces of 8 to 128 bytes and hashes all but those of 12, so the length is checked here.
Source: RFC 5116; RFC 8439; RFC 9180 §7.3
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from tacit.crypto.errors import BadKey
from tacit.errors import CryptoError

NONCE_SIZE: Final = 12
TAG_SIZE: Final = 16


@dataclass(frozen=True, slots=True)
class Aead:
    """One algorithm; ``key_size`` is Nk. Nonces take 12 bytes and tags 16 in all of them."""

    id: int
    key_size: int
    cipher: type[AESGCM] | type[ChaCha20Poly1305]
    pyca: hpke.AEAD

    def seal(self, key: bytes, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
        """Encrypt; the ciphertext is 16 bytes longer than the plaintext. A nonce serves once under a key."""
        if len(key) != self.key_size or len(nonce) != NONCE_SIZE:
            raise BadKey("AEAD key or nonce length")
        return self.cipher(key).encrypt(nonce, plaintext, aad)

    def open(self, key: bytes, nonce: bytes, aad: bytes, ciphertext: bytes) -> bytes:
        """Decrypt; raises ``CryptoError`` unless every byte of ciphertext and ``aad`` is as it was sealed."""
        if len(key) != self.key_size or len(nonce) != NONCE_SIZE:
            raise BadKey("AEAD key or nonce length")
        try:
            return self.cipher(key).decrypt(nonce, ciphertext, aad)
        except (InvalidTag, ValueError):
            raise CryptoError("ciphertext") from None


AES_128_GCM: Final = Aead(0x0001, 16, AESGCM, hpke.AEAD.AES_128_GCM)
AES_256_GCM: Final = Aead(0x0002, 32, AESGCM, hpke.AEAD.AES_256_GCM)
CHACHA20_POLY1305: Final = Aead(0x0003, 32, ChaCha20Poly1305, hpke.AEAD.CHACHA20_POLY1305)
