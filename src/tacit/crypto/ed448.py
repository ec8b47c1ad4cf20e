"""Ed448 signatures with strict public keys.

OpenSSL takes any 57 bytes for a public key. Under a point of small order, signatures can be made without any private
key, so they are refused when a key is loaded, and so is every encoding that is not the canonical one. OpenSSL itself
refuses signatures whose S is not reduced. The context of RFC 8032 is always empty. Source: RFC 8032 §5.2
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey, Ed448PublicKey

from tacit.crypto.errors import BadKey
from tacit.crypto.keys import KeyPair
from tacit.entropy import Entropy
from tacit.errors import CryptoError

PRIVATE_KEY_SIZE: Final = 57
PUBLIC_KEY_SIZE: Final = 57
SIGNATURE_SIZE: Final = 114

_PRIME: Final = 2**448 - 2**224 - 1
_SMALL_ORDER: Final = frozenset({0, 1, _PRIME - 1})
"""The y coordinates of the four points of order 1, 2 and 4."""


def generate(entropy: Entropy) -> KeyPair:
    """A fresh key pair; the private key is the seed of 57 bytes."""
    return key_pair(entropy(PRIVATE_KEY_SIZE))


def key_pair(private: bytes) -> KeyPair:
    """The pair that belongs to a private key."""
    return KeyPair(private, _load_private(private).public_key().public_bytes_raw())


def check_public_key(public: bytes) -> None:
    """Raise ``BadKey`` for a wrong length, a non-canonical encoding or a point of small order."""
    _load_public(public)


def sign(private: bytes, data: bytes) -> bytes:
    """A signature of 114 bytes, the same for the same key and data."""
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


@lru_cache(maxsize=512)
def _load_public(data: bytes) -> Ed448PublicKey:
    if len(data) != PUBLIC_KEY_SIZE:
        raise BadKey("Ed448 key length")
    y = int.from_bytes(data, "little") & ((1 << 455) - 1)
    if y >= _PRIME:
        raise BadKey("Ed448 key is not canonical")
    if y in _SMALL_ORDER:
        raise BadKey("Ed448 point of small order")
    return Ed448PublicKey.from_public_bytes(data)


@lru_cache(maxsize=64)
def _load_private(data: bytes) -> Ed448PrivateKey:
    if len(data) != PRIVATE_KEY_SIZE:
        raise BadKey("Ed448 key length")
    return Ed448PrivateKey.from_private_bytes(data)
