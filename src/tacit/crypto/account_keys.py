"""The kinds of key that an account can have, as a table: today Ed25519.

A public key is canonical SubjectPublicKeyInfo in DER, because an account's ID is its hash: encoding the parsed key
again must give the same bytes, else one key could have two IDs. A private key is PKCS#8 in DER.
Source: RFC 5280 §4.1; RFC 5958; RFC 8410
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from cryptography.utils import CryptographyDeprecationWarning

from tacit.crypto.eddsa import ED25519
from tacit.crypto.errors import BadKey
from tacit.crypto.secret import Secret
from tacit.entropy import Entropy
from tacit.errors import CryptoError
from tacit.limits import MAX_ACCOUNT_KEY_BYTES

AccountPublicKey: TypeAlias = Ed25519PublicKey
AccountPrivateKey: TypeAlias = Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class AccountAlgorithm:
    """One kind of key. ``check`` raises ``BadKey``, ``verify`` raises ``InvalidSignature``."""

    name: str
    public_type: type[Any]
    private_type: type[Any]
    check: Callable[[AccountPublicKey], None]
    sign: Callable[[AccountPrivateKey, bytes], bytes]
    verify: Callable[[AccountPublicKey, bytes, bytes], None]


def _check_ed25519(key: Ed25519PublicKey) -> None:
    ED25519.check_public_key(key.public_bytes_raw())


_ALGORITHMS: Final = (
    AccountAlgorithm(
        "ed25519",
        Ed25519PublicKey,
        Ed25519PrivateKey,
        _check_ed25519,
        lambda key, data: key.sign(data),
        lambda key, data, signature: key.verify(signature, data),
    ),
)


def generate(entropy: Entropy) -> Secret:
    """A fresh Ed25519 account key."""
    return encode_private(Ed25519PrivateKey.from_private_bytes(entropy(ED25519.key_size)))


def public_key(private: Secret) -> bytes:
    """The public key of a private key; raises ``BadKey`` unless it is one of the table's."""
    return _encode_public(_load_private(private.reveal())[0].public_key())


def check_public_key(public: bytes) -> None:
    """Raise ``BadKey`` unless ``public`` is the canonical encoding of a sound key of the table."""
    _load_public(public)


def algorithm_name(public: bytes) -> str:
    """The table's name of the kind of key; raises ``BadKey``."""
    return _load_public(public)[1].name


def sign(private: Secret, data: bytes) -> bytes:
    """A signature of exactly ``data``; labels are the caller's."""
    key, algorithm = _load_private(private.reveal())
    return algorithm.sign(key, data)


def verify(public: bytes, data: bytes, signature: bytes) -> None:
    """Raise ``CryptoError`` unless ``signature`` is of ``data`` by the owner of ``public``."""
    key, algorithm = _load_public(public)
    try:
        algorithm.verify(key, data, signature)
    except InvalidSignature:
        raise CryptoError("signature of an account") from None


def encode_private(key: AccountPrivateKey) -> Secret:
    """PKCS#8 in DER, unencrypted."""
    return Secret(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def forget_private_keys() -> None:
    """Drop the parsed private keys that the loader here keeps."""
    _load_private.cache_clear()


def _encode_public(key: AccountPublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@lru_cache(maxsize=512)
def _load_public(data: bytes) -> tuple[AccountPublicKey, AccountAlgorithm]:
    if len(data) > MAX_ACCOUNT_KEY_BYTES:
        raise BadKey("account key is too long")
    with warnings.catch_warnings():
        # The library warns of kinds of key that it will drop; whoever sends one must not write to the screen so.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        try:
            key = load_der_public_key(data)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise BadKey("account key is not a public key") from None
    for algorithm in _ALGORITHMS:
        if isinstance(key, algorithm.public_type):
            algorithm.check(key)
            _check_canonical(key, data)
            return key, algorithm
    raise BadKey("account key is of a kind that is not supported")


def _check_canonical(key: AccountPublicKey, data: bytes) -> None:
    """No promise of the library's: what its parser of today lets through of Ed25519 is canonical anyway."""
    if _encode_public(key) != data:
        raise BadKey("account key is not in canonical form")


@lru_cache(maxsize=8)
def _load_private(data: bytes) -> tuple[AccountPrivateKey, AccountAlgorithm]:
    try:
        key = load_der_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("account key is not a private key") from None
    for algorithm in _ALGORITHMS:
        if isinstance(key, algorithm.private_type):
            return key, algorithm
    raise BadKey("account key is of a kind that is not supported")
