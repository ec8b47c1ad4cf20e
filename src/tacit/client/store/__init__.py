"""What a client keeps on disk: one encrypted SQLCipher file for each profile, and how its key is made.

Holds SQL and files; knows rows, not what they mean. MLS state and payloads are opaque bytes here. Rules: every secret
that is replaced or deleted is overwritten; what a finished transaction wrote survives a power cut; only
``StorageError`` and its families come out.
"""

from __future__ import annotations

from tacit.client.store.errors import (
    KeyFileInvalid,
    PassphraseNeeded,
    ProfileInUse,
    StoreDamaged,
    StoreExists,
    StoreFailed,
    StoreFull,
    StoreMissing,
    StoreNewer,
    WrongPassphrase,
)
from tacit.client.store.keys import EmptyPassphrase
from tacit.client.store.profiles import NewProfile, OpenProfile, begin_profile, open_profile
from tacit.client.store.store import Store

__all__ = [
    "EmptyPassphrase",
    "KeyFileInvalid",
    "NewProfile",
    "OpenProfile",
    "PassphraseNeeded",
    "ProfileInUse",
    "Store",
    "StoreDamaged",
    "StoreExists",
    "StoreFailed",
    "StoreFull",
    "StoreMissing",
    "StoreNewer",
    "WrongPassphrase",
    "begin_profile",
    "open_profile",
]
