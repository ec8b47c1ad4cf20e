"""An entry on its way into a log: when the log takes it, and the row that it becomes."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from tacit.limits import RETURN_WAIT_S
from tacit.relay.store.damage import entry_checksum
from tacit.relay.store.places import position
from tacit.relay.store.rows import LogRow, NewEntry

RETRY_S: Final = 2.0
"""When to ask again for a log that others have yet to bring something back to."""

INTO: Final = "INSERT INTO entries (position, author, message_id, kind, payload, received_at_ms, checksum) VALUES "

OWN_SEQ: Final = "UPDATE readers SET own_seq = ? WHERE log = ? AND device = ? AND end_seq IS NULL"
"""Notes for a reader that this is its own last entry: a store that is behind it is not to be written from."""


def is_held(held_until: int, now_s: int) -> bool:
    """Whether a log takes nothing new for now; a clock that was set back holds it no longer than any other."""
    return 0 < held_until - now_s <= RETURN_WAIT_S


def row_of(log: LogRow, seq: int, entry: NewEntry) -> tuple[Any, ...]:
    """The row of an entry under a number, its checksum included."""
    row = (position(log, seq), entry.author, entry.message_id, entry.kind, entry.payload, entry.received_at_ms)
    return *row, entry_checksum(*row)


def put(db: sqlite3.Connection, log: LogRow, seq: int, entry: NewEntry) -> None:
    """Keep one entry under a number."""
    db.execute(INTO + "(?, ?, ?, ?, ?, ?, ?)", row_of(log, seq, entry))
