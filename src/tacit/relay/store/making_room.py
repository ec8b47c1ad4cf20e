"""Makes room where there is none, for relays whose operator wants the oldest to go rather than the newest be refused.

Nothing goes silently. From a full inbox the oldest entries go, and its reader sees numbers that are missing. Of an
account that has too much waiting the oldest messages lose their payload and stay as gaps, in whatever log they are, so
nobody's entry goes but its own; commits stay, since without one its readers could not follow their group any more.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from tacit import limits
from tacit.relay.store import reading
from tacit.relay.store.logs import append
from tacit.relay.store.places import find_device, position
from tacit.relay.store.rows import MAX_SEQ, MESSAGE, AccountRow, Appended, DeviceAddress, LogRow, NewEntry

MARK: Final = 0xFFFFFFFF
"""The half of a checksum that covers the payload, of an entry whose payload went: no empty payload has this one."""

AT_ONCE: Final = 16
"""An account's quota is cleared by a sixteenth of it: finding the oldest of its entries means looking at very many."""


def append_dropping(db: sqlite3.Connection, entry: NewEntry) -> Appended:
    """Append an entry that was refused for want of room, after making some.

    Raises what ``append`` does, ``QuotaExceeded`` too: for a sender's share of an inbox no other's entries go.
    """
    now_s = entry.received_at_ms // 1000
    if entry.inbox is not None:
        _clear_inbox(db, entry.inbox, len(entry.payload), now_s)
    _clear_account(db, entry, len(entry.payload) + limits.ENTRY_OVERHEAD_BYTES)
    return append(db, entry)


def _clear_inbox(db: sqlite3.Connection, address: DeviceAddress, size_bytes: int, now_s: int) -> None:
    """Drop the oldest entries until one more of this size fits."""
    log, held_bytes = db.execute(
        "SELECT log, held_bytes FROM devices JOIN logs ON log = inbox WHERE device = ?", (find_device(db, address),)
    ).fetchone()
    waiting = db.execute(
        "SELECT position & 4294967295, length(payload) FROM entries WHERE position BETWEEN ? AND ? ORDER BY position",
        (position(log, 0), position(log, MAX_SEQ)),
    ).fetchall()
    left, last = len(waiting), 0
    for seq, payload_bytes in waiting:
        if left < limits.MAX_INBOX_ENTRIES and held_bytes + size_bytes <= limits.MAX_INBOX_BYTES:
            break
        left, held_bytes, last = left - 1, held_bytes - payload_bytes, seq
    if last:
        reading.drop_through(db, LogRow(log), last, now_s)


def _clear_account(db: sqlite3.Connection, entry: NewEntry, size_bytes: int) -> None:
    """Empty the oldest messages of the author's account until one more entry fits, and some room is left."""
    account, held_bytes = db.execute(
        "SELECT account, held_bytes FROM accounts WHERE account = (SELECT account FROM devices WHERE device = ?)",
        (entry.author,),
    ).fetchone()
    if held_bytes + size_bytes <= limits.MAX_HELD_BYTES_PER_ACCOUNT:
        return
    wanted = held_bytes + size_bytes - limits.MAX_HELD_BYTES_PER_ACCOUNT * (AT_ONCE - 1) // AT_ONCE
    oldest = db.execute(
        "SELECT position, size FROM (SELECT position, kind, length(payload) AS size, received_at_ms FROM entries"
        " WHERE author IN (SELECT device FROM devices WHERE account = ?1) AND NOT EXISTS (SELECT 1 FROM brought"
        " WHERE brought.log = position >> 32 AND brought.message_id = entries.message_id AND bringer != ?1) LIMIT ?2)"
        " WHERE kind = ?3 AND size > 0 ORDER BY received_at_ms, position",
        (account, limits.MAX_ENTRIES_LOOKED_THROUGH, MESSAGE),
    )
    emptied: list[tuple[int, int]] = []
    for place, payload_bytes in oldest:
        if wanted <= 0:
            break
        wanted -= payload_bytes
        emptied.append((place, payload_bytes))
    _empty(db, AccountRow(account), emptied)


def _empty(db: sqlite3.Connection, account: AccountRow, places: list[tuple[int, int]]) -> None:
    """Take the payloads of entries away; ``places`` holds position and size of each."""
    db.executemany(
        "UPDATE entries SET payload = x'', checksum = checksum | ? WHERE position = ?",
        [(MARK, place) for place, _ in places],
    )
    db.executemany(
        "UPDATE logs SET held_bytes = held_bytes - ? WHERE log = ?",
        [(payload_bytes, place >> 32) for place, payload_bytes in places],
    )
    db.execute(
        "UPDATE accounts SET held_bytes = held_bytes - ? WHERE account = ?",
        (sum(payload_bytes for _, payload_bytes in places), account),
    )
