"""Diffie-Hellman groups: X25519, X448 and the NIST curves, with every check when a key is loaded.

X25519 and X448 points of low order are refused at once, not first when they are used: they give every private key the
same shared secret. Other encodings above the field prime are reduced, as RFC 7748 §5 demands. NIST points must be
uncompressed and on the curve. Source: RFC 7748; RFC 9180 §7.1
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tacit.crypto.errors import BadKey
from tacit.crypto.kem import PRIVATE_KEYS_KEPT, PUBLIC_KEYS_KEPT
from tacit.errors import CryptoError

Private = TypeVar("Private")
Public = TypeVar("Public")

_PRIME: Final = 2**255 - 19
_PRIME_448: Final = 2**448 - 2**224 - 1
_LOW_ORDER: Final = frozenset(
    {
        0,
        1,
        _PRIME - 1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    }
)
"""The u coordinates of all points of Curve25519 of order 1, 2, 4 and 8, on the curve and on its twist."""

_LOW_ORDER_448: Final = frozenset({0, 1, _PRIME_448 - 1})
"""The u coordinates of all points of Curve448 of order 1, 2 and 4, on the curve and on its twist."""


class Group(Protocol[Private, Public]):
    """What DHKEM needs of a group; ``order`` is None where any string of the right length is a private key."""

    @property
    def private_key_size(self) -> int: ...  # noqa: D102
    @property
    def public_key_size(self) -> int: ...  # noqa: D102
    @property
    def order(self) -> int | None: ...  # noqa: D102
    def load_private(self, data: bytes) -> Private: ...  # noqa: D102
    def check_public(self, data: bytes) -> None: ...  # noqa: D102
    def load_public(self, data: bytes) -> Public: ...  # noqa: D102
    def generate(self) -> Private: ...  # noqa: D102
    def public_bytes(self, private: Private) -> bytes: ...  # noqa: D102
    def exchange(self, private: Private, public: Public) -> bytes: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class X25519Group:
    """Curve25519, by its u coordinate."""

    private_key_size: int = 32
    public_key_size: int = 32
    order: None = None

    def load_private(self, data: bytes) -> X25519PrivateKey:
        """Any 32 bytes; clamped when used."""
        return _x25519_private(data)

    def check_public(self, data: bytes) -> None:
        """Raise ``BadKey`` for what ``load_public`` refuses, and keep nothing."""
        if len(data) != 32:
            raise BadKey("X25519 key length")
        if (int.from_bytes(data, "little") & ((1 << 255) - 1)) % _PRIME in _LOW_ORDER:
            raise BadKey("X25519 point of low order")

    def load_public(self, data: bytes) -> X25519PublicKey:
        """32 bytes that are not a point of low order, else ``BadKey``."""
        return _x25519_public(data)

    def generate(self) -> X25519PrivateKey:
        """A fresh key from OpenSSL's generator."""
        return X25519PrivateKey.generate()

    def public_bytes(self, private: X25519PrivateKey) -> bytes:
        """The public key that belongs to ``private``."""
        return private.public_key().public_bytes_raw()

    def exchange(self, private: X25519PrivateKey, public: X25519PublicKey) -> bytes:
        """The shared secret, which is never all zero."""
        try:
            return private.exchange(public)
        except ValueError:
            raise CryptoError("shared secret of zeros") from None


@dataclass(frozen=True, slots=True)
class X448Group:
    """Curve448, by its u coordinate."""

    private_key_size: int = 56
    public_key_size: int = 56
    order: None = None

    def load_private(self, data: bytes) -> X448PrivateKey:
        """Any 56 bytes; clamped when used."""
        return _x448_private(data)

    def check_public(self, data: bytes) -> None:
        """Raise ``BadKey`` for what ``load_public`` refuses, and keep nothing."""
        if len(data) != 56:
            raise BadKey("X448 key length")
        if int.from_bytes(data, "little") % _PRIME_448 in _LOW_ORDER_448:
            raise BadKey("X448 point of low order")

    def load_public(self, data: bytes) -> X448PublicKey:
        """56 bytes that are not a point of low order, else ``BadKey``."""
        return _x448_public(data)

    def generate(self) -> X448PrivateKey:
        """A fresh key from OpenSSL's generator."""
        return X448PrivateKey.generate()

    def public_bytes(self, private: X448PrivateKey) -> bytes:
        """The public key that belongs to ``private``."""
        return private.public_key().public_bytes_raw()

    def exchange(self, private: X448PrivateKey, public: X448PublicKey) -> bytes:
        """The shared secret, which is never all zero."""
        try:
            return private.exchange(public)
        except ValueError:
            raise CryptoError("shared secret of zeros") from None


@dataclass(frozen=True, slots=True)
class NistGroup:
    """A NIST curve; the shared secret is the x coordinate."""

    curve: ec.EllipticCurve
    private_key_size: int
    order: int

    @property
    def public_key_size(self) -> int:
        """An uncompressed point: a byte 04 and two coordinates."""
        return 1 + 2 * ((self.curve.key_size + 7) // 8)

    def load_private(self, data: bytes) -> ec.EllipticCurvePrivateKey:
        """A number from 1 to the order less one, else ``BadKey``; leading zeros may be missing."""
        if not 0 < len(data) <= self.private_key_size:
            raise BadKey("private key length")
        return _nist_private(self.curve, data)

    def check_public(self, data: bytes) -> None:
        """Raise ``BadKey`` for what ``load_public`` refuses; only the library knows what lies on the curve."""
        self.load_public(data)

    def load_public(self, data: bytes) -> ec.EllipticCurvePublicKey:
        """An uncompressed point on the curve, else ``BadKey``."""
        if len(data) != self.public_key_size or data[0] != 4:
            raise BadKey("point is not in uncompressed form")
        return _nist_public(self.curve, data)

    def generate(self) -> ec.EllipticCurvePrivateKey:
        """A fresh key from OpenSSL's generator."""
        return ec.generate_private_key(self.curve)

    def public_bytes(self, private: ec.EllipticCurvePrivateKey) -> bytes:
        """The public key that belongs to ``private``, uncompressed."""
        return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def exchange(self, private: ec.EllipticCurvePrivateKey, public: ec.EllipticCurvePublicKey) -> bytes:
        """The x coordinate of the shared point."""
        return private.exchange(ec.ECDH(), public)


X25519: Final = X25519Group()
X448: Final = X448Group()
P256: Final = NistGroup(ec.SECP256R1(), 32, ec.SECP256R1.group_order)
P384: Final = NistGroup(ec.SECP384R1(), 48, ec.SECP384R1.group_order)
P521: Final = NistGroup(ec.SECP521R1(), 66, ec.SECP521R1.group_order)


@lru_cache(maxsize=PUBLIC_KEYS_KEPT)
def _x25519_public(data: bytes) -> X25519PublicKey:
    X25519.check_public(data)
    return X25519PublicKey.from_public_bytes(data)


@lru_cache(maxsize=PRIVATE_KEYS_KEPT)
def _x25519_private(data: bytes) -> X25519PrivateKey:
    if len(data) != 32:
        raise BadKey("X25519 key length")
    return X25519PrivateKey.from_private_bytes(data)


@lru_cache(maxsize=PUBLIC_KEYS_KEPT)
def _x448_public(data: bytes) -> X448PublicKey:
    X448.check_public(data)
    return X448PublicKey.from_public_bytes(data)


@lru_cache(maxsize=PRIVATE_KEYS_KEPT)
def _x448_private(data: bytes) -> X448PrivateKey:
    if len(data) != 56:
        raise BadKey("X448 key length")
    return X448PrivateKey.from_private_bytes(data)


@lru_cache(maxsize=PUBLIC_KEYS_KEPT)
def _nist_public(curve: ec.EllipticCurve, data: bytes) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, data)
    except ValueError:
        raise BadKey("point is not on the curve") from None


@lru_cache(maxsize=PRIVATE_KEYS_KEPT)
def _nist_private(curve: ec.EllipticCurve, data: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        return ec.derive_private_key(int.from_bytes(data, "big"), curve)
    except ValueError:
        raise BadKey("private key out of range") from None


def forget_private_keys() -> None:
    """Drop the parsed private keys that the loaders here keep."""
    _x25519_private.cache_clear()
    _x448_private.cache_clear()
    _nist_private.cache_clear()
