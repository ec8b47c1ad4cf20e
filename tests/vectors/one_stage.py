"""HPKE's key schedule over one-stage KDFs, which no suite of MLS uses: SHAKE and TurboSHAKE.

Source: draft-ietf-hpke-hpke §5.1, RFC 9861 §2 (TurboSHAKE), FIPS 202 §3 (Keccak-p)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tacit.crypto.aead import NONCE_SIZE
from tacit.crypto.hpke import Context

Derive = Callable[[bytes, int], bytes]
"""Input and length; gives that many bytes."""

ROUNDS, LANE_BITS = 12, 64
LANE = (1 << LANE_BITS) - 1
TURBOSHAKE_DOMAIN = 0x1F


@dataclass(frozen=True, slots=True)
class OneStageKdf:
    """``size`` is Nh in bytes."""

    derive: Derive
    size: int


@dataclass(frozen=True, slots=True)
class OneStage:
    """The schedule of one HPKE suite in base mode."""

    kdf: OneStageKdf
    suite_id: bytes

    def context(self, shared_secret: bytes, info: bytes, key_size: int) -> Context:
        """Key, base nonce and exporter secret, all out of one derivation."""
        secrets = _prefixed(b"") + _prefixed(shared_secret)
        schedule = b"\x00" + _prefixed(b"") + _prefixed(info)
        secret = self._labeled(secrets, b"secret", schedule, key_size + NONCE_SIZE + self.kdf.size)
        nonce_end = key_size + NONCE_SIZE
        return Context(secret[:key_size], secret[key_size:nonce_end], secret[nonce_end:])

    def export(self, context: Context, exporter_context: bytes, length: int) -> bytes:
        """An exported secret."""
        return self._labeled(context.exporter_secret, b"sec", exporter_context, length)

    def _labeled(self, ikm: bytes, label: bytes, context: bytes, length: int) -> bytes:
        data = ikm + b"HPKE-v1" + self.suite_id + _prefixed(label) + length.to_bytes(2, "big") + context
        return self.kdf.derive(data, length)


def shake128(data: bytes, length: int) -> bytes:
    """SHAKE128."""
    return hashlib.shake_128(data).digest(length)


def shake256(data: bytes, length: int) -> bytes:
    """SHAKE256."""
    return hashlib.shake_256(data).digest(length)


def turboshake(rate: int, data: bytes, length: int) -> bytes:
    """TurboSHAKE with ``rate`` bytes to a block: 168 for TurboSHAKE128, 136 for TurboSHAKE256."""
    padded = bytearray(data + bytes((TURBOSHAKE_DOMAIN,)))
    padded.extend(bytes(-len(padded) % rate))
    padded[-1] ^= 0x80
    state = [0] * 25
    for start in range(0, len(padded), rate):
        for lane in range(rate // 8):
            offset = start + 8 * lane
            state[lane] ^= int.from_bytes(padded[offset : offset + 8], "little")
        state = _permute(state)
    out = bytearray()
    while True:
        out += b"".join(lane.to_bytes(8, "little") for lane in state[: rate // 8])
        if len(out) >= length:
            return bytes(out[:length])
        state = _permute(state)


def _prefixed(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def _rotate(lane: int, by: int) -> int:
    return (lane << by | lane >> (LANE_BITS - by)) & LANE if by else lane


def _round_constants() -> list[int]:
    """All 24, from the linear feedback shift register of FIPS 202 §3.2.5."""
    constants, register = [], 1
    for _ in range(24):
        constant = 0
        for power in range(7):
            if register & 1:
                constant |= 1 << ((1 << power) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return constants


def _rho_offsets() -> list[int]:
    offsets, (x, y) = [0] * 25, (1, 0)
    for step in range(24):
        offsets[x + 5 * y] = (step + 1) * (step + 2) // 2 % LANE_BITS
        x, y = y, (2 * x + 3 * y) % 5
    return offsets


def _permute(state: list[int]) -> list[int]:
    """The last twelve rounds of Keccak-p[1600]."""
    for constant in ROUND_CONSTANTS[-ROUNDS:]:
        parity = [state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20] for x in range(5)]
        mixed = [parity[(x - 1) % 5] ^ _rotate(parity[(x + 1) % 5], 1) for x in range(5)]
        moved = [0] * 25
        for x in range(5):
            for y in range(5):
                moved[y + 5 * ((2 * x + 3 * y) % 5)] = _rotate(state[x + 5 * y] ^ mixed[x], RHO_OFFSETS[x + 5 * y])
        state = [
            moved[i] ^ (~moved[(i + 1) % 5 + i // 5 * 5] & LANE & moved[(i + 2) % 5 + i // 5 * 5]) for i in range(25)
        ]
        state[0] ^= constant
    return state


ROUND_CONSTANTS, RHO_OFFSETS = _round_constants(), _rho_offsets()

ONE_STAGE_KDFS = {
    0x0010: OneStageKdf(shake128, 32),
    0x0011: OneStageKdf(shake256, 64),
    0x0012: OneStageKdf(partial(turboshake, 168), 32),
    0x0013: OneStageKdf(partial(turboshake, 136), 64),
}
"""By the numbers of HPKE's registry."""
