"""HPKE's KEM out of a Diffie-Hellman group.

Source: RFC 9180 §4.1, §7.1.3
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from tacit.crypto.errors import BadKey
from tacit.crypto.groups import P256, P384, P521, X448, X25519, Group
from tacit.crypto.kdf import HKDF_SHA256, HKDF_SHA384, HKDF_SHA512, Kdf
from tacit.crypto.keys import KeyPair
from tacit.errors import CryptoError

Private = TypeVar("Private", X25519PrivateKey, X448PrivateKey, ec.EllipticCurvePrivateKey)
Public = TypeVar("Public", X25519PublicKey, X448PublicKey, ec.EllipticCurvePublicKey)


@dataclass(frozen=True, slots=True)
class DhKem(Generic[Private, Public]):
    """DHKEM(group, kdf)."""

    id: int
    group: Group[Private, Public]
    kdf: Kdf
    pyca: hpke.KEM | None = None

    @property
    def private_key_size(self) -> int:
        """Nsk."""
        return self.group.private_key_size

    @property
    def public_key_size(self) -> int:
        """Npk."""
        return self.group.public_key_size

    @property
    def output_size(self) -> int:
        """Nenc: the ephemeral public key."""
        return self.group.public_key_size

    def derive_key_pair(self, ikm: bytes) -> KeyPair:
        """Source: RFC 9180 §7.1.3"""
        prk = self.kdf.labeled_extract(self._suite_id, b"", b"dkp_prk", ikm)
        private = self._scalar_below_order(prk)
        return KeyPair(private, self.group.public_bytes(self.group.load_private(private)))

    def check_public_key(self, data: bytes) -> None:
        """Raise ``BadKey`` for what the group refuses."""
        self.group.check_public(data)

    def load_public(self, data: bytes) -> Public:
        """A checked public key."""
        return self.group.load_public(data)

    def load_private(self, data: bytes) -> Private:
        """A private key."""
        return self.group.load_private(data)

    def encapsulate(self, public_key: bytes) -> tuple[bytes, bytes]:
        """Source: RFC 9180 §4.1, Encap"""
        public = self.group.load_public(public_key)
        ephemeral = self.group.generate()
        kem_output = self.group.public_bytes(ephemeral)
        dh = self.group.exchange(ephemeral, public)
        return self._extract_and_expand(dh, kem_output + public_key), kem_output

    def decapsulate(self, private_key: bytes, kem_output: bytes) -> bytes:
        """Source: RFC 9180 §4.1, Decap"""
        private = self.group.load_private(private_key)
        try:
            dh = self.group.exchange(private, self.group.load_public(kem_output))
        except BadKey:
            raise CryptoError("kem_output") from None
        return self._extract_and_expand(dh, kem_output + self.group.public_bytes(private))

    @property
    def _suite_id(self) -> bytes:
        return b"KEM" + self.id.to_bytes(2, "big")

    def _extract_and_expand(self, dh: bytes, kem_context: bytes) -> bytes:
        prk = self.kdf.labeled_extract(self._suite_id, b"", b"eae_prk", dh)
        return self.kdf.labeled_expand(self._suite_id, prk, b"shared_secret", kem_context, self.kdf.size)

    def _scalar_below_order(self, prk: bytes) -> bytes:
        size, order = self.group.private_key_size, self.group.order
        if order is None:
            return self.kdf.labeled_expand(self._suite_id, prk, b"sk", b"", size)
        mask = (1 << order.bit_length()) - 1
        for counter in range(256):
            candidate = self.kdf.labeled_expand(self._suite_id, prk, b"candidate", bytes((counter,)), size)
            scalar = int.from_bytes(candidate, "big") & mask
            if 0 < scalar < order:
                return scalar.to_bytes(size, "big")
        raise CryptoError("no key pair from this ikm")


DHKEM_P256: Final = DhKem(0x0010, P256, HKDF_SHA256, hpke.KEM.P256)
DHKEM_P384: Final = DhKem(0x0011, P384, HKDF_SHA384, hpke.KEM.P384)
DHKEM_P521: Final = DhKem(0x0012, P521, HKDF_SHA512, hpke.KEM.P521)
DHKEM_X25519: Final = DhKem(0x0020, X25519, HKDF_SHA256, hpke.KEM.X25519)
DHKEM_X448: Final = DhKem(0x0021, X448, HKDF_SHA512)
