"""HKDF over HMAC, with the labelled forms that HPKE builds on it.

``hmac.digest`` is one call into OpenSSL and measured faster than the HKDF classes of ``cryptography``.
Source: RFC 5869; RFC 9180 §4, §7.2
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hpke

from tacit.errors import CryptoError

HPKE_VERSION: Final = b"HPKE-v1"


@dataclass(frozen=True, slots=True)
class Kdf:
    """HKDF with one hash; ``size`` is Nh, the length of its outputs and of the hash."""

    id: int
    hash_name: str
    size: int
    pyca: hpke.KDF

    def hash(self, data: bytes) -> bytes:
        """The hash that this KDF is built on; Nh bytes."""
        return hashlib.new(self.hash_name, data).digest()

    def mac(self, key: bytes, data: bytes) -> bytes:
        """HMAC; Nh bytes."""
        return hmac.digest(key, data, self.hash_name)

    def extract(self, salt: bytes, ikm: bytes) -> bytes:
        """HKDF-Extract; Nh bytes. An empty salt stands for Nh zero bytes."""
        return hmac.digest(salt, ikm, self.hash_name)

    def expand(self, prk: bytes, info: bytes, length: int) -> bytes:
        """HKDF-Expand to ``length`` bytes, at most 255 Nh."""
        if length <= self.size:
            return hmac.digest(prk, info + b"\x01", self.hash_name)[:length]
        if length > 255 * self.size:
            raise CryptoError(f"{length} bytes from one expansion")
        block, output = b"", bytearray()
        for counter in range(1, -(-length // self.size) + 1):
            block = hmac.digest(prk, block + info + bytes((counter,)), self.hash_name)
            output += block
        return bytes(output[:length])

    def labeled_extract(self, suite_id: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
        """HPKE's LabeledExtract. Source: RFC 9180 §4"""
        return self.extract(salt, HPKE_VERSION + suite_id + label + ikm)

    def labeled_expand(self, suite_id: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
        """HPKE's LabeledExpand. Source: RFC 9180 §4"""
        return self.expand(prk, length.to_bytes(2, "big") + HPKE_VERSION + suite_id + label + info, length)


HKDF_SHA256: Final = Kdf(0x0001, "sha256", 32, hpke.KDF.HKDF_SHA256)
HKDF_SHA384: Final = Kdf(0x0002, "sha384", 48, hpke.KDF.HKDF_SHA384)
HKDF_SHA512: Final = Kdf(0x0003, "sha512", 64, hpke.KDF.HKDF_SHA512)
