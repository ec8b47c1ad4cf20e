"""The running head: one hash over all that the log brought in an epoch.

Two members who compare it know whether the relay showed them the same. It starts anew from each epoch's authenticator,
which only members know, and takes up every message entry, whether it could be opened or not. A head of no bytes means
unknown: after a hole in the log, until the next epoch.
"""

from __future__ import annotations

import hashlib
from typing import Final

UNKNOWN_HEAD: Final = b""

_LABEL: Final = b"tacit head"


def first_head(epoch_authenticator: bytes) -> bytes:
    """The head at the start of an epoch."""
    return hashlib.sha256(_LABEL + epoch_authenticator).digest()


def next_head(head: bytes, seq: int, payload: bytes) -> bytes:
    """The head after the message entry ``seq``; an unknown head stays unknown."""
    return head_after(head, seq, hashlib.sha256(payload).digest())


def head_after(head: bytes, seq: int, payload_digest: bytes) -> bytes:
    """The same, from the SHA-256 of the payload."""
    if not head:
        return UNKNOWN_HEAD
    return hashlib.sha256(head + seq.to_bytes(8, "big") + payload_digest).digest()
