"""Ed25519 and Ed448 signatures with strict public keys.

Under a point of small order, signatures can be made without any private key, and with the neutral point of Ed25519 one
signature verifies for every message; so such points are refused when a key is loaded, and so is every encoding that is
not the canonical one: OpenSSL, which does Ed448, would take either. Signatures whose S is not reduced are refused by
the libraries. The context of Ed448 is always empty. Source: RFC 8032 §5.1, §5.2
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey, Ed448PublicKey

from tacit.crypto.errors import BadKey
from tacit.crypto.keys import KeyPair
from tacit.crypto.sodium import SodiumPrivateKey, SodiumPublicKey
from tacit.entropy import Entropy
from tacit.errors import CryptoError


@dataclass(frozen=True, eq=False)
class Eddsa:
    """EdDSA on one curve; private keys are the seed, keys and signatures raw bytes. A ``SignatureScheme``."""

    name: str
    key_size: int
    """Of private and public keys alike."""
    signature_size: int
    prime: int
    small_order: frozenset[int]
    """The y coordinates of all points of small order."""
    private_class: type[SodiumPrivateKey] | type[Ed448PrivateKey]
    public_class: type[SodiumPublicKey] | type[Ed448PublicKey]

    @property
    def public_key_size(self) -> int:
        """Bytes of a public key."""
        return self.key_size

    def generate(self, entropy: Entropy) -> KeyPair:
        """A fresh key pair."""
        return self.key_pair(entropy(self.key_size))

    def key_pair(self, private: bytes) -> KeyPair:
        """The pair that belongs to a private key."""
        return KeyPair(private, _load_private(self, private).public_key().public_bytes_raw())

    def check_public_key(self, public: bytes) -> None:
        """Raise ``BadKey`` for a wrong length, a non-canonical encoding or a point of small order."""
        _load_public(self, public)

    def sign(self, private: bytes, data: bytes) -> bytes:
        """A signature, the same for the same key and data."""
        return _load_private(self, private).sign(data)

    def verify(self, public: bytes, data: bytes, signature: bytes) -> None:
        """Raise ``CryptoError`` unless ``signature`` is of ``data`` by the owner of ``public``."""
        key = _load_public(self, public)
        try:
            key.verify(signature, data)
        except InvalidSignature:
            raise CryptoError("signature") from None


def forget_private_keys() -> None:
    """Drop the parsed private keys that the loader here keeps."""
    _load_private.cache_clear()


@lru_cache(maxsize=1024)
def _load_public(curve: Eddsa, data: bytes) -> SodiumPublicKey | Ed448PublicKey:
    if len(data) != curve.key_size:
        raise BadKey(f"{curve.name} key length")
    # The highest bit is the sign of x; whatever else stands above the prime is not canonical.
    y = int.from_bytes(data, "little") & ((1 << 8 * curve.key_size - 1) - 1)
    if y >= curve.prime:
        raise BadKey(f"{curve.name} key is not canonical")
    if y in curve.small_order:
        raise BadKey(f"{curve.name} point of small order")
    return curve.public_class.from_public_bytes(data)


@lru_cache(maxsize=64)
def _load_private(curve: Eddsa, data: bytes) -> SodiumPrivateKey | Ed448PrivateKey:
    if len(data) != curve.key_size:
        raise BadKey(f"{curve.name} key length")
    return curve.private_class.from_private_bytes(data)


_P25519: Final = 2**255 - 19
_P448: Final = 2**448 - 2**224 - 1
_ORDER_8: Final = 2707385501144840649318225287225658788936804267575313519463743609750303402022

ED25519: Final = Eddsa(
    name="Ed25519",
    key_size=32,
    signature_size=64,
    prime=_P25519,
    small_order=frozenset({0, 1, _P25519 - 1, _ORDER_8, _P25519 - _ORDER_8}),  # of order 1, 2, 4 and 8
    private_class=SodiumPrivateKey,
    public_class=SodiumPublicKey,
)
ED448: Final = Eddsa(
    name="Ed448",
    key_size=57,
    signature_size=114,
    prime=_P448,
    small_order=frozenset({0, 1, _P448 - 1}),  # of order 1, 2 and 4
    private_class=Ed448PrivateKey,
    public_class=Ed448PublicKey,
)
