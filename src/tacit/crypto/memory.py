"""What this process remembers of private keys, and how to make it forget.

``tacit.crypto.kem`` says why parsed keys are kept.
"""

from __future__ import annotations

from tacit.crypto import account_keys, eddsa, groups, xwing


def forget_private_keys() -> None:
    """Drop every parsed private key that the loaders of this room keep, as on locking a profile."""
    account_keys.forget_private_keys()
    eddsa.forget_private_keys()
    groups.forget_private_keys()
    xwing.forget_private_keys()
