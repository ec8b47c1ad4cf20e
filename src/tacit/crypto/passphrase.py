"""Passphrases stretched into keys by Argon2id.

The settings come out of a file that somebody may have changed, so they are bounded both ways: not so weak that guessing
gets cheap, not so strong that opening a profile fills the memory. Source: RFC 9106
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw

from tacit.crypto.errors import BadKdfParameters, StretchingFailed
from tacit.crypto.secret import Secret
from tacit.limits import (
    ARGON2_LANES,
    ARGON2_MAX_LANES,
    ARGON2_MAX_MEMORY_KIB,
    ARGON2_MAX_TIME_COST,
    ARGON2_MEMORY_KIB,
    ARGON2_MIN_MEMORY_KIB,
    ARGON2_TIME_COST,
)

KEY_SIZE: Final = 32
MIN_SALT_SIZE: Final = 16


@dataclass(frozen=True, slots=True)
class PassphraseParams:
    """How hard to stretch: passes, memory in KiB, lanes; out of bounds raises ``BadKdfParameters``."""

    time_cost: int = ARGON2_TIME_COST
    memory_kib: int = ARGON2_MEMORY_KIB
    lanes: int = ARGON2_LANES

    def __post_init__(self) -> None:
        if not 1 <= self.time_cost <= ARGON2_MAX_TIME_COST:
            raise BadKdfParameters("passes")
        if not ARGON2_MIN_MEMORY_KIB <= self.memory_kib <= ARGON2_MAX_MEMORY_KIB:
            raise BadKdfParameters("memory")
        if not 1 <= self.lanes <= ARGON2_MAX_LANES:
            raise BadKdfParameters("lanes")


def derive_passphrase_key(passphrase: bytes, salt: bytes, params: PassphraseParams) -> Secret:
    """A key of 32 bytes; takes a good part of a second by design. ``salt`` is random, at least 16 bytes.

    The same text can be typed as different bytes: normalising it is the caller's. Raises ``StretchingFailed`` where
    memory is short.
    """
    if len(salt) < MIN_SALT_SIZE:
        raise BadKdfParameters("salt")
    try:
        key = hash_secret_raw(passphrase, salt, params.time_cost, params.memory_kib, params.lanes, KEY_SIZE, Type.ID)
    except (HashingError, MemoryError):
        raise StretchingFailed from None
    return Secret(key)
