"""The pair of raw keys that every algorithm here makes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key and its public key, both as raw bytes in their wire form."""

    private: bytes = field(repr=False)
    public: bytes
