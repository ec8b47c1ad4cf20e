"""Watches the AEAD: no key and nonce ever serve twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from tacit.crypto.aead import Aead


class Sealed:
    """Every pair of key and nonce that sealed something since ``watching`` began, by a digest."""

    def __init__(self) -> None:
        self.pairs: set[bytes] = set()

    def note(self, key: bytes, nonce: bytes) -> None:
        """Account for one call; fails if the pair has served before."""
        pair = hashlib.sha256(key + nonce).digest()[:16]
        assert pair not in self.pairs, "a key and a nonce have served twice"
        self.pairs.add(pair)


@contextmanager
def watching() -> Iterator[Sealed]:
    """Let every seal of this process pass by a new ``Sealed``, which fails the test in place."""
    sealed, seal = Sealed(), Aead.seal

    def noted(self: Aead, key: bytes, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
        sealed.note(key, nonce)
        return seal(self, key, nonce, aad, plaintext)

    Aead.seal = noted  # type: ignore[method-assign]  # the one place that all sealing goes through
    try:
        yield sealed
    finally:
        Aead.seal = seal  # type: ignore[method-assign]
