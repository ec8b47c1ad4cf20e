"""Which life of its data a relay is in: a random number, made at the first start and at each restore."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack
from typing import Final

from tacit.entropy import Entropy
from tacit.relay.store import returns
from tacit.relay.store.database import opening

SIZE_BYTES: Final = 16


def begin(db: sqlite3.Connection, entropy: Entropy, now_s: int | None) -> tuple[bytes, int]:
    """The incarnation of a store; one that has none yet gets it, on a connection that nobody else uses.

    Also until when what a backup lacks is waited for, which begins with the first ``now_s`` after a restore.
    """
    with opening(), ExitStack() as unless_begun:
        unless_begun.callback(db.close)
        row = db.execute("SELECT incarnation FROM relay").fetchone()
        if row is not None:
            begun = bytes(row[0]), 0 if now_s is None else returns.begin_waiting(db, now_s)
        else:
            begun = entropy(SIZE_BYTES), 0
            db.execute("INSERT INTO relay (only_row, incarnation) VALUES (1, ?)", begun[:1])
        unless_begun.pop_all()
    return begun
