"""The kinds of key that an account can have, as a table: Ed25519, and RSA-PSS with SHA-256.

A public key is canonical SubjectPublicKeyInfo in DER, because an account's ID is its hash: encoding the parsed key
again must give the same bytes, else one key could have two IDs. A private key is PKCS#8 in DER. RSA takes its
randomness, for keys and for the salt of each signature, from OpenSSL, which has no argument for it.
Source: RFC 5280 §4.1; RFC 5958; RFC 8017 §8.1; RFC 8410
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
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
from tacit.crypto.errors import BadKey, UnsupportedKey
from tacit.crypto.secret import Secret
from tacit.entropy import Entropy
from tacit.errors import CryptoError
from tacit.limits import MAX_ACCOUNT_KEY_BYTES

AccountPublicKey: TypeAlias = Ed25519PublicKey | RSAPublicKey
AccountPrivateKey: TypeAlias = Ed25519PrivateKey | RSAPrivateKey

RSA_BITS: Final = 3072
"""Of a key that is made here: as strong as the rest of an account, by NIST SP 800-57 part 1, table 2."""

RSA_MIN_BITS: Final = 2048
RSA_MAX_BITS: Final = 4096
"""Of a key that is brought along. Less can be broken some day soon; more makes everybody's checks slow."""

RSA_MIN_EXPONENT: Final = 2**16
RSA_MAX_EXPONENT: Final = 2**32
"""Public exponents lie between them, and are odd: smaller ones have a history, larger ones only cost time."""


@dataclass(frozen=True, slots=True)
class AccountAlgorithm:
    """One kind of key. ``check`` raises ``BadKey``, ``verify`` raises ``InvalidSignature``."""

    name: str
    public_type: type[Any]
    private_type: type[Any]
    check: Callable[[Any], None]
    generate: Callable[[Entropy], AccountPrivateKey]
    sign: Callable[[Any, bytes], bytes]
    verify: Callable[[Any, bytes, bytes], None]


def _check_ed25519(key: Ed25519PublicKey) -> None:
    ED25519.check_public_key(key.public_bytes_raw())


def _check_rsa(key: RSAPublicKey) -> None:
    numbers = key.public_numbers()
    if not RSA_MIN_BITS <= key.key_size <= RSA_MAX_BITS:
        raise BadKey(f"an RSA key of {key.key_size} bits; {RSA_MIN_BITS} to {RSA_MAX_BITS} are taken")
    if not (RSA_MIN_EXPONENT < numbers.e < RSA_MAX_EXPONENT and numbers.e % 2):
        raise BadKey(f"an RSA key with the public exponent {numbers.e % 2**64}; 65537 is usual")
    if not numbers.n % 2:
        raise BadKey("an RSA key with an even modulus")


_PSS: Final = PSS(mgf=MGF1(SHA256()), salt_length=PSS.DIGEST_LENGTH)
"""A verifier that is given this length takes no other. Source: RFC 8017 §9.1"""

_ALGORITHMS: Final = (
    AccountAlgorithm(
        "ed25519",
        Ed25519PublicKey,
        Ed25519PrivateKey,
        _check_ed25519,
        lambda entropy: Ed25519PrivateKey.from_private_bytes(entropy(ED25519.key_size)),
        lambda key, data: bytes(key.sign(data)),
        lambda key, data, signature: key.verify(signature, data),
    ),
    AccountAlgorithm(
        "rsa",
        RSAPublicKey,
        RSAPrivateKey,
        _check_rsa,
        lambda _: generate_private_key(65537, RSA_BITS),
        lambda key, data: bytes(key.sign(data, _PSS, SHA256())),
        lambda key, data, signature: key.verify(signature, data, _PSS, SHA256()),
    ),
)

KINDS: Final = tuple(algorithm.name for algorithm in _ALGORITHMS)
"""The table's names."""


def generate(entropy: Entropy, kind: str = "ed25519") -> Secret:
    """A fresh account key of one of ``KINDS``; RSA takes up to a few seconds. Raises ``UnsupportedKey``."""
    for algorithm in _ALGORITHMS:
        if algorithm.name == kind:
            return encode_private(algorithm.generate(entropy))
    raise UnsupportedKey


def public_key(private: Secret) -> bytes:
    """The public key of a private key; raises ``BadKey`` unless it is one of the table's."""
    return _encode_public(_load_private(private.reveal())[0].public_key())


def key_bits(public: bytes) -> int:
    """The size of a key as people know it; raises ``BadKey``."""
    key = _load_public(public)[0]
    return key.key_size if isinstance(key, RSAPublicKey) else 8 * len(key.public_bytes_raw())


def check_private_key(private: Secret) -> None:
    """Raise ``BadKey``, with the reason, unless an account can have this private key.

    Its size is looked at first: whether the numbers of an RSA key fit together takes half a minute to find out of one
    that is too large anyway.
    """
    key, algorithm = _load_private(private.reveal())
    algorithm.check(key.public_key())
    try:
        load_der_private_key(private.reveal(), password=None)
    except ValueError:
        raise BadKey("a key whose numbers do not fit together") from None


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
    """What the library's parser of today lets through of Ed25519 is canonical anyway, but that is no promise."""
    if _encode_public(key) != data:
        raise BadKey("account key is not in canonical form")


@lru_cache(maxsize=8)
def _load_private(data: bytes) -> tuple[AccountPrivateKey, AccountAlgorithm]:
    """A key that was made or checked here: to check one of RSA again would cost each start up to a second."""
    try:
        key = load_der_private_key(data, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("account key is not a private key") from None
    for algorithm in _ALGORITHMS:
        if isinstance(key, algorithm.private_type):
            return key, algorithm
    raise BadKey("account key is of a kind that is not supported")
