"""The one hash that is used outside cipher suites."""

from __future__ import annotations

import hashlib


def sha256(data: bytes) -> bytes:
    """SHA-256; 32 bytes."""
    return hashlib.sha256(data).digest()
