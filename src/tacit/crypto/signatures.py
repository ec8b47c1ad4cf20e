"""Signature schemes of the cipher suites, one shape for all; ``eddsa`` holds Ed25519 and Ed448.

ECDSA signatures are DER as in TLS, public keys uncompressed points, private keys big-endian numbers.
Source: RFC 9420 §5.1, §5.1.1; RFC 8446 §4.2.3
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from tacit.crypto.groups import P256, P384, P521, NistGroup
from tacit.crypto.keys import KeyPair
from tacit.entropy import Entropy
from tacit.errors import CryptoError


class SignatureScheme(Protocol):
    """Keys and signatures as raw bytes."""

    @property
    def public_key_size(self) -> int: ...  # noqa: D102
    def generate(self, entropy: Entropy) -> KeyPair: ...  # noqa: D102
    def key_pair(self, private: bytes) -> KeyPair: ...  # noqa: D102
    def check_public_key(self, public: bytes) -> None: ...  # noqa: D102
    def sign(self, private: bytes, data: bytes) -> bytes: ...  # noqa: D102
    def verify(self, public: bytes, data: bytes, signature: bytes) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class EcdsaScheme:
    """ECDSA on a NIST curve with one hash."""

    group: NistGroup
    hash: HashAlgorithm

    @property
    def public_key_size(self) -> int:
        """An uncompressed point."""
        return self.group.public_key_size

    def generate(self, entropy: Entropy) -> KeyPair:
        """A fresh key pair; 16 spare bytes make the bias of the reduction negligible. Source: FIPS 186-5 A.2.1"""
        wide = int.from_bytes(entropy(self.group.private_key_size + 16), "big")
        private = (wide % (self.group.order - 1) + 1).to_bytes(self.group.private_key_size, "big")
        return self.key_pair(private)

    def key_pair(self, private: bytes) -> KeyPair:
        """The pair that belongs to a private key."""
        return KeyPair(private, self.group.public_bytes(self.group.load_private(private)))

    def check_public_key(self, public: bytes) -> None:
        """Raise ``BadKey`` unless the key is an uncompressed point on the curve."""
        self.group.load_public(public)

    def sign(self, private: bytes, data: bytes) -> bytes:
        """A signature in DER; the nonce follows from key and data."""
        return self.group.load_private(private).sign(data, ec.ECDSA(self.hash, deterministic_signing=True))

    def verify(self, public: bytes, data: bytes, signature: bytes) -> None:
        """Raise ``CryptoError`` unless the signature holds."""
        key = self.group.load_public(public)
        try:
            key.verify(signature, data, ec.ECDSA(self.hash))
        except InvalidSignature:
            raise CryptoError("signature") from None


ECDSA_P256: Final = EcdsaScheme(P256, SHA256())
ECDSA_P384: Final = EcdsaScheme(P384, SHA384())
ECDSA_P521: Final = EcdsaScheme(P521, SHA512())
