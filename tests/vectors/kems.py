"""The KEMs of draft-ietf-hpke-pq that no suite of tacit uses: ML-KEM alone, and ML-KEM beside a NIST curve.

They are made of the reference ML-KEM of this folder and of tacit's own groups, have the shape of
``tacit.crypto.kem.Kem``, and so run under tacit's own HPKE.
Source: draft-ietf-hpke-pq; draft-irtf-cfrg-concrete-hybrid-kems
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Final

from tacit.crypto.errors import BadKey
from tacit.crypto.groups import P256, P384, NistGroup
from tacit.crypto.keys import KeyPair
from tacit.errors import CryptoError
from tests.vectors.ml_kem import ML_KEM_512, ML_KEM_768, ML_KEM_1024, MlKem

SEED_SIZE: Final = 64
HYBRID_SEED_SIZE: Final = 32
MESSAGE_SIZE: Final = 32


@dataclass(frozen=True, slots=True)
class PureKem:
    """ML-KEM; private keys are seeds of 64 bytes."""

    id: int
    ml_kem: MlKem
    pyca: None = None

    @property
    def private_key_size(self) -> int:
        return SEED_SIZE

    @property
    def public_key_size(self) -> int:
        return 384 * self.ml_kem.k + 32

    @property
    def output_size(self) -> int:
        return 32 * (self.ml_kem.d_u * self.ml_kem.k + self.ml_kem.d_v)

    def derive_key_pair(self, ikm: bytes) -> KeyPair:
        seed = _derived_seed(ikm, self.id, SEED_SIZE)
        return KeyPair(seed, self.ml_kem.key_pair(seed)[0])

    def check_public_key(self, data: bytes) -> None:
        self.load_public(data)

    def load_public(self, data: bytes) -> bytes:
        if len(data) != self.public_key_size:
            raise BadKey("ML-KEM key length")
        return data

    def load_private(self, data: bytes) -> bytes:
        if len(data) != SEED_SIZE:
            raise BadKey("ML-KEM seed length")
        return data

    def encapsulate(self, public_key: bytes) -> tuple[bytes, bytes]:
        return self.encapsulate_with(public_key, os.urandom(MESSAGE_SIZE))

    def encapsulate_with(self, public_key: bytes, entropy: bytes) -> tuple[bytes, bytes]:
        """Like ``encapsulate``, from the 32 bytes that a vector calls ``ikmE``."""
        return self.ml_kem.encapsulate(self.load_public(public_key), entropy)

    def decapsulate(self, private_key: bytes, kem_output: bytes) -> bytes:
        if len(kem_output) != self.output_size:
            raise CryptoError("kem_output length")
        return self.ml_kem.decapsulate(self.ml_kem.key_pair(self.load_private(private_key))[1], kem_output)


@dataclass(frozen=True, slots=True)
class HybridKem:
    """ML-KEM beside a NIST curve; private keys are seeds of 32 bytes, the post-quantum half comes first everywhere."""

    id: int
    pure: PureKem
    group: NistGroup
    label: bytes
    pyca: None = None

    @property
    def private_key_size(self) -> int:
        return HYBRID_SEED_SIZE

    @property
    def public_key_size(self) -> int:
        return self.pure.public_key_size + self.group.public_key_size

    @property
    def output_size(self) -> int:
        return self.pure.output_size + self.group.public_key_size

    def derive_key_pair(self, ikm: bytes) -> KeyPair:
        seed = _derived_seed(ikm, self.id, HYBRID_SEED_SIZE)
        ml_kem_seed, scalar = self._halves(seed)
        point = self.group.public_bytes(self.group.load_private(scalar))
        return KeyPair(seed, self.pure.ml_kem.key_pair(ml_kem_seed)[0] + point)

    def check_public_key(self, data: bytes) -> None:
        self.load_public(data)

    def load_public(self, data: bytes) -> bytes:
        at = self.pure.public_key_size
        self.pure.load_public(data[:at])
        self.group.load_public(data[at:])
        return data

    def load_private(self, data: bytes) -> bytes:
        if len(data) != HYBRID_SEED_SIZE:
            raise BadKey("hybrid seed length")
        return data

    def encapsulate(self, public_key: bytes) -> tuple[bytes, bytes]:
        return self.encapsulate_with(public_key, os.urandom(MESSAGE_SIZE + self.group.private_key_size))

    def encapsulate_with(self, public_key: bytes, entropy: bytes) -> tuple[bytes, bytes]:
        """Like ``encapsulate``, from ``ikmE``: 32 bytes and candidates for a scalar, of which the first always fits."""
        at, scalar_end = self.pure.public_key_size, MESSAGE_SIZE + self.group.private_key_size
        self.load_public(public_key)
        pq_secret, pq_output = self.pure.encapsulate_with(public_key[:at], entropy[:MESSAGE_SIZE])
        ephemeral = self.group.load_private(entropy[MESSAGE_SIZE:scalar_end])
        secret = self.group.exchange(ephemeral, self.group.load_public(public_key[at:]))
        output = self.group.public_bytes(ephemeral)
        return self._combine(pq_secret, secret, output, public_key[at:]), pq_output + output

    def decapsulate(self, private_key: bytes, kem_output: bytes) -> bytes:
        if len(kem_output) != self.output_size:
            raise CryptoError("kem_output length")
        at = self.pure.output_size
        ml_kem_seed, scalar = self._halves(self.load_private(private_key))
        private = self.group.load_private(scalar)
        secret = self.group.exchange(private, self.group.load_public(kem_output[at:]))
        pq_secret = self.pure.decapsulate(ml_kem_seed, kem_output[:at])
        return self._combine(pq_secret, secret, kem_output[at:], self.group.public_bytes(private))

    def _halves(self, seed: bytes) -> tuple[bytes, bytes]:
        expanded = hashlib.shake_256(seed).digest(SEED_SIZE + self.group.private_key_size)
        return expanded[:SEED_SIZE], expanded[SEED_SIZE:]

    def _combine(self, pq_secret: bytes, secret: bytes, output: bytes, public: bytes) -> bytes:
        return hashlib.sha3_256(pq_secret + secret + output + public + self.label).digest()


ReferenceKem = PureKem | HybridKem

MLKEM512: Final = PureKem(0x0040, ML_KEM_512)
MLKEM768: Final = PureKem(0x0041, ML_KEM_768)
MLKEM1024: Final = PureKem(0x0042, ML_KEM_1024)
MLKEM768_P256: Final = HybridKem(0x0050, MLKEM768, P256, b"MLKEM768-P256")
MLKEM1024_P384: Final = HybridKem(0x0051, MLKEM1024, P384, b"MLKEM1024-P384")

REFERENCE_KEMS: Final[tuple[ReferenceKem, ...]] = (MLKEM512, MLKEM768, MLKEM1024, MLKEM768_P256, MLKEM1024_P384)


def _derived_seed(ikm: bytes, kem_id: int, size: int) -> bytes:
    """SHAKE256.LabeledDerive of a seed. Source: draft-ietf-hpke-pq"""
    label = b"DeriveKeyPair"
    suite_id = b"KEM" + kem_id.to_bytes(2, "big")
    labeled = ikm + b"HPKE-v1" + suite_id + len(label).to_bytes(2, "big") + label + size.to_bytes(2, "big")
    return hashlib.shake_256(labeled).digest(size)
