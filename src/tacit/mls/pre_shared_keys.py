"""Pre-shared keys: how one is named, and how several become the ``psk_secret`` of an epoch.

Source: RFC 9420 §8.4
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from tacit.codec import Reader, Writer
from tacit.crypto.suites import CipherSuite, suite
from tacit.entropy import Entropy
from tacit.mls.labels import expand_with_label
from tacit.mls.registry import PSKType, ResumptionPSKUsage, read_enum


@dataclass(frozen=True, slots=True)
class ExternalPSK:
    """A key that the application provides."""

    psk_id: bytes


@dataclass(frozen=True, slots=True)
class ResumptionPSK:
    """A key that proves membership in an epoch of a group."""

    usage: ResumptionPSKUsage
    psk_group_id: bytes
    psk_epoch: int


@dataclass(frozen=True, slots=True)
class PreSharedKeyID:
    """Which key, and the fresh ``psk_nonce`` (Nh bytes) of this one use."""

    key: ExternalPSK | ResumptionPSK
    psk_nonce: bytes

    @classmethod
    def fresh(cls, suite_id: int, key: ExternalPSK | ResumptionPSK, entropy: Entropy) -> Self:
        """Name a key for one use in a group of that suite."""
        return cls(key, entropy(suite(suite_id).hash_size))

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        if isinstance(self.key, ExternalPSK):
            w.u8(PSKType.EXTERNAL)
            w.opaque(self.key.psk_id)
        else:
            w.u8(PSKType.RESUMPTION)
            w.u8(self.key.usage)
            w.opaque(self.key.psk_group_id)
            w.u64(self.key.psk_epoch)
        w.opaque(self.psk_nonce)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        key: ExternalPSK | ResumptionPSK
        if read_enum(PSKType, r.u8()) is PSKType.EXTERNAL:
            key = ExternalPSK(r.opaque())
        else:
            key = ResumptionPSK(read_enum(ResumptionPSKUsage, r.u8()), r.opaque(), r.u64())
        return cls(key, r.opaque())


def lineage_usage(psk_id: PreSharedKeyID) -> ResumptionPSKUsage | None:
    """The usage of a key that ties a new group to an old one, else None. Source: RFC 9420 §11.2, §11.3"""
    if isinstance(psk_id.key, ResumptionPSK) and psk_id.key.usage is not ResumptionPSKUsage.APPLICATION:
        return psk_id.key.usage
    return None


def psk_secret(cipher_suite: CipherSuite, psks: Sequence[tuple[PreSharedKeyID, bytes]]) -> bytes:
    """What the keys of one commit, in its order, add to the key schedule: Nh bytes, all zero for none."""
    zero = bytes(cipher_suite.hash_size)
    secret = zero
    for index, (psk_id, psk) in enumerate(psks):
        w = Writer()
        psk_id.write(w)
        w.u16(index)
        w.u16(len(psks))
        extracted = cipher_suite.extract(zero, psk)
        psk_input = expand_with_label(cipher_suite, extracted, b"derived psk", w.finish(), cipher_suite.hash_size)
        secret = cipher_suite.extract(psk_input, secret)
    return secret
