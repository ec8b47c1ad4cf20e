"""Who reads a log: let in and out by its commits, those that are made now and those that are brought back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from tacit import limits
from tacit.relay.store.rows import DeviceAddress, DeviceRow, LogRow
from tacit.wire.errors import QuotaExceeded


def remove(db: sqlite3.Connection, log: LogRow, addresses: Iterable[DeviceAddress], seq: int) -> tuple[DeviceRow, ...]:
    """Let these readers read up to and including an entry; returns those who were readers and are registered."""
    removed = []
    for address in addresses:
        row = db.execute(
            "UPDATE readers SET end_seq = ? WHERE log = ? AND end_seq IS NULL AND device ="
            " (SELECT device FROM devices JOIN accounts USING (account) WHERE account_id = ? AND device_id = ?)"
            " RETURNING device",
            (seq, log, address.account_id, address.device_id),
        ).fetchone()
        if row is not None:
            removed.append(DeviceRow(row[0]))
            continue
        db.execute(
            "UPDATE absent_readers SET end_seq = ?"
            " WHERE log = ? AND account_id = ? AND device_id = ? AND end_seq IS NULL",
            (seq, log, address.account_id, address.device_id),
        )
    return tuple(removed)


def add(db: sqlite3.Connection, log: LogRow, devices: Iterable[DeviceRow], seq: int, *, owes: bool = False) -> None:
    """Let devices read from after an entry. ``owes``: they may have something to bring back."""
    for device in devices:
        db.execute(
            "INSERT INTO readers (log, device, start_seq, acked_seq, owes) SELECT ?1, ?2, ?3, ?3, ?4"
            " WHERE NOT EXISTS (SELECT 1 FROM readers WHERE log = ?1 AND device = ?2 AND end_seq IS NULL)",
            (log, device, seq, owes),
        )


def check_number(db: sqlite3.Connection, log: LogRow) -> None:
    """Raises ``QuotaExceeded`` where too many read, those who have still to register again included."""
    (readers,) = db.execute(
        "SELECT (SELECT count(*) FROM readers WHERE log = ?1 AND end_seq IS NULL)"
        " + (SELECT count(*) FROM absent_readers WHERE log = ?1 AND end_seq IS NULL)",
        (log,),
    ).fetchone()
    if readers > limits.MAX_READERS_PER_LOG:
        raise QuotaExceeded(f"{limits.MAX_READERS_PER_LOG} devices in each conversation")
