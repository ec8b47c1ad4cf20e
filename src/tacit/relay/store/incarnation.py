"""Which life of its data a relay is in: a random number, made at the first start and at each restore."""

from __future__ import annotations

import sqlite3
from typing import Final

from tacit.entropy import Entropy
from tacit.relay.errors import StoreUnusable

SIZE_BYTES: Final = 16


def begin(db: sqlite3.Connection, entropy: Entropy) -> bytes:
    """The incarnation of a store; one that has none yet gets it, on a connection that nobody else uses."""
    try:
        row = db.execute("SELECT incarnation FROM relay").fetchone()
        if row is not None:
            return bytes(row[0])
        fresh = entropy(SIZE_BYTES)
        db.execute("INSERT INTO relay (only_row, incarnation) VALUES (1, ?)", (fresh,))
    except sqlite3.Error as error:
        db.close()
        raise StoreUnusable from error
    return fresh
