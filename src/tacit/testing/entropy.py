"""Randomness that a seed repeats. Never for anything but tests: whoever knows the seed knows every key."""

from __future__ import annotations

import hashlib
from typing import Final

_LABEL: Final = b"tacit testing entropy"


class SeededEntropy:
    """A ``tacit.entropy.Entropy`` that gives the same bytes for the same seed and name."""

    __slots__ = ("_calls", "_key")

    def __init__(self, seed: int, name: str = "") -> None:
        self._key = hashlib.sha256(_LABEL + seed.to_bytes(8, "big") + name.encode()).digest()
        self._calls = 0

    def __call__(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        self._calls += 1
        return hashlib.shake_256(self._key + self._calls.to_bytes(8, "big")).digest(size)
