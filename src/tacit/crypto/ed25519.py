"""Ed25519 signatures with strict public keys.

OpenSSL takes any 32 bytes for a public key. With the neutral point as key, one signature verifies for every message,
and other points of small order come close to that, so they are refused when a key is loaded, and so is every encoding
that is not the canonical one. OpenSSL itself refuses signatures whose S is not reduced. Source: RFC 8032 §5.1
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tacit.crypto.errors import BadKey
from tacit.crypto.keys import KeyPair
from tacit.entropy import Entropy
from tacit.errors import CryptoError

PRIVATE_KEY_SIZE: Final = 32
PUBLIC_KEY_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64

_PRIME: Final = 2**255 - 19
_ORDER_8: Final = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER: Final = frozenset({0, 1, _PRIME - 1, _ORDER_8, _PRIME - _ORDER_8})
"""The y coordinates of the eight points of order 1, 2, 4 and 8."""


def generate(entropy: Entropy) -> KeyPair:
    """A fresh key pair; the private key is the seed of 32 bytes."""
    return key_pair(entropy(PRIVATE_KEY_SIZE))


def key_pair(private: bytes) -> KeyPair:
    """The pair that belongs to a private key."""
    return KeyPair(private, _load_private(private).public_key().public_bytes_raw())


def check_public_key(public: bytes) -> None:
    """Raise ``BadKey`` for a wrong length, a non-canonical encoding or a point of small order."""
    _load_public(public)


def sign(private: bytes, data: bytes) -> bytes:
    """A signature of 64 bytes, the same for the same key and data."""
    return _load_private(private).sign(data)


def verify(public: bytes, data: bytes, signature: bytes) -> None:
    """Raise ``CryptoError`` unless ``signature`` is of ``data`` by the owner of ``public``."""
    key = _load_public(public)
    try:
        key.verify(signature, data)
    except InvalidSignature:
        raise CryptoError("signature") from None


def forget_private_keys() -> None:
    """Drop the parsed private keys that the loader here keeps."""
    _load_private.cache_clear()


@lru_cache(maxsize=1024)
def _load_public(data: bytes) -> Ed25519PublicKey:
    if len(data) != PUBLIC_KEY_SIZE:
        raise BadKey("Ed25519 key length")
    y = int.from_bytes(data, "little") & ((1 << 255) - 1)
    if y >= _PRIME:
        raise BadKey("Ed25519 key is not canonical")
    if y in _SMALL_ORDER:
        raise BadKey("Ed25519 point of small order")
    return Ed25519PublicKey.from_public_bytes(data)


@lru_cache(maxsize=64)
def _load_private(data: bytes) -> Ed25519PrivateKey:
    if len(data) != PRIVATE_KEY_SIZE:
        raise BadKey("Ed25519 key length")
    return Ed25519PrivateKey.from_private_bytes(data)
