"""MLKEM768-X25519, the hybrid KEM also known as X-Wing, HPKE number 0x647a.

The private key is a seed of 32 bytes and nothing else: an expanded ML-KEM key is never stored, since whoever can choose
one breaks the binding of ciphertext to key. Keys and ciphertexts put the post-quantum part first. The combiner does not
hash the ML-KEM ciphertext; ML-KEM's own re-encryption check makes up for that.

DeriveKeyPair is the labelled form of draft-ietf-hpke-pq, which its vectors confirm. The X-Wing draft's plain
``SHAKE256(ikm, 32)`` gives other keys.

Source: draft-ietf-hpke-pq; draft-connolly-cfrg-xwing-kem; FIPS 203 §7.2, §7.3
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from tacit.crypto.errors import BadKey
from tacit.crypto.groups import X25519
from tacit.crypto.kdf import HPKE_VERSION
from tacit.crypto.kem import PRIVATE_KEYS_KEPT, PUBLIC_KEYS_KEPT
from tacit.crypto.keys import KeyPair
from tacit.errors import CryptoError

SEED_SIZE: Final = 32
MLKEM_PUBLIC_KEY_SIZE: Final = 1184
MLKEM_CIPHERTEXT_SIZE: Final = 1088

_LABEL: Final = bytes.fromhex("5c2e2f2f5e5c")
_X25519_SIZE: Final = 32

_COEFFICIENTS_SIZE: Final = 1152
_MODULUS: Final = 3329
_EVERY_OTHER: Final = int.from_bytes(b"\x01\x00\x00" * (_COEFFICIENTS_SIZE // 3), "little")
"""A one at every other of the 768 coefficients of 12 bits."""

_COEFFICIENTS: Final = _EVERY_OTHER * 0xFFF
_TO_OVERFLOW: Final = _EVERY_OTHER * (0x1000 - _MODULUS)
_OVERFLOWS: Final = _EVERY_OTHER << 12
_DERIVE_SUFFIX: Final = HPKE_VERSION + b"KEM\x64\x7a" + b"\x00\x0dDeriveKeyPair" + b"\x00\x20"


@dataclass(frozen=True, slots=True)
class XWingPublicKey:
    """Both halves, checked, and the object that ``cryptography``'s HPKE wants."""

    mlkem: MLKEM768PublicKey
    x25519: X25519PublicKey
    x25519_bytes: bytes
    pyca: hpke.MLKEM768X25519PublicKey


@dataclass(frozen=True, slots=True)
class XWingPrivateKey:
    """Both halves, expanded from the seed, with the public key in its wire form."""

    mlkem: MLKEM768PrivateKey
    x25519: X25519PrivateKey
    public: bytes
    pyca: hpke.MLKEM768X25519PrivateKey


@dataclass(frozen=True, slots=True)
class XWingKem:
    """MLKEM768-X25519 as HPKE uses it."""

    id: int = 0x647A
    private_key_size: int = SEED_SIZE
    public_key_size: int = MLKEM_PUBLIC_KEY_SIZE + _X25519_SIZE
    output_size: int = MLKEM_CIPHERTEXT_SIZE + _X25519_SIZE
    pyca: hpke.KEM = hpke.KEM.MLKEM768_X25519

    def derive_key_pair(self, ikm: bytes) -> KeyPair:
        """SHAKE256.LabeledDerive of the seed. Source: draft-ietf-hpke-pq"""
        return key_pair_of_seed(hashlib.shake_256(ikm + _DERIVE_SUFFIX).digest(SEED_SIZE))

    def check_public_key(self, data: bytes) -> None:
        """Length, modulus and order, at a tenth of the cost of ``load_public``, and without a key object of 10 KB.

        A member who joins checks the keys of a whole tree and seals to few of them. Source: FIPS 203 §7.2
        """
        if len(data) != self.public_key_size:
            raise BadKey("X-Wing key length")
        X25519.check_public(data[MLKEM_PUBLIC_KEY_SIZE:])
        coefficients = int.from_bytes(data[:_COEFFICIENTS_SIZE], "little")
        for half in (coefficients & _COEFFICIENTS, coefficients >> 12 & _COEFFICIENTS):
            # Each coefficient has 12 empty bits above it: adding 4096 - 3329 reaches them from 3329 on.
            if half + _TO_OVERFLOW & _OVERFLOWS:
                raise BadKey("ML-KEM key with coefficients out of range")

    def load_public(self, data: bytes) -> hpke.MLKEM768X25519PublicKey:
        """A key whose ML-KEM half passes the modulus check and whose X25519 half is of full order, else ``BadKey``."""
        return _load_public(data).pyca

    def load_private(self, data: bytes) -> hpke.MLKEM768X25519PrivateKey:
        """The key that a seed stands for."""
        return _load_private(data).pyca

    def encapsulate(self, public_key: bytes) -> tuple[bytes, bytes]:
        """A fresh shared secret of 32 bytes and the 1120 bytes that carry it."""
        public = _load_public(public_key)
        mlkem_secret, mlkem_ciphertext = public.mlkem.encapsulate()
        ephemeral = X25519.generate()
        x25519_ciphertext = X25519.public_bytes(ephemeral)
        x25519_secret = X25519.exchange(ephemeral, public.x25519)
        secret = _combine(mlkem_secret, x25519_secret, x25519_ciphertext, public.x25519_bytes)
        return secret, mlkem_ciphertext + x25519_ciphertext

    def decapsulate(self, private_key: bytes, kem_output: bytes) -> bytes:
        """The shared secret; a changed ML-KEM half gives another secret, not an error (implicit rejection)."""
        private = _load_private(private_key)
        if len(kem_output) != self.output_size:
            raise CryptoError("kem_output length")
        mlkem_secret = private.mlkem.decapsulate(kem_output[:MLKEM_CIPHERTEXT_SIZE])
        x25519_ciphertext = kem_output[MLKEM_CIPHERTEXT_SIZE:]
        try:
            x25519_secret = X25519.exchange(private.x25519, X25519.load_public(x25519_ciphertext))
        except BadKey:
            raise CryptoError("kem_output") from None
        x25519_public = private.public[MLKEM_PUBLIC_KEY_SIZE:]
        return _combine(mlkem_secret, x25519_secret, x25519_ciphertext, x25519_public)


XWING: Final = XWingKem()


def key_pair_of_seed(seed: bytes) -> KeyPair:
    """The key pair that a seed of 32 bytes stands for."""
    return KeyPair(seed, _load_private(seed).public)


@lru_cache(maxsize=PUBLIC_KEYS_KEPT)
def _load_public(data: bytes) -> XWingPublicKey:
    XWING.check_public_key(data)
    x25519_bytes = data[MLKEM_PUBLIC_KEY_SIZE:]
    x25519 = X25519.load_public(x25519_bytes)
    mlkem = MLKEM768PublicKey.from_public_bytes(data[:MLKEM_PUBLIC_KEY_SIZE])
    return XWingPublicKey(mlkem, x25519, x25519_bytes, hpke.MLKEM768X25519PublicKey(mlkem, x25519))


@lru_cache(maxsize=PRIVATE_KEYS_KEPT)
def _load_private(seed: bytes) -> XWingPrivateKey:
    if len(seed) != SEED_SIZE:
        raise BadKey("X-Wing seed length")
    expanded = hashlib.shake_256(seed).digest(96)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
    public = mlkem.public_key().public_bytes_raw() + X25519.public_bytes(x25519)
    return XWingPrivateKey(mlkem, x25519, public, hpke.MLKEM768X25519PrivateKey(mlkem, x25519))


def _combine(mlkem_secret: bytes, x25519_secret: bytes, x25519_ciphertext: bytes, x25519_public: bytes) -> bytes:
    return hashlib.sha3_256(mlkem_secret + x25519_secret + x25519_ciphertext + x25519_public + _LABEL).digest()


def forget_private_keys() -> None:
    """Drop the parsed private keys that the loader here keeps."""
    _load_private.cache_clear()
