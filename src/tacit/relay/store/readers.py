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
    _forget_former(db, log)
    return tuple(removed)


def add(
    db: sqlite3.Connection,
    log: LogRow,
    devices: Iterable[DeviceRow],
    seq: int,
    *,
    owes: bool = False,
    probation: bool = False,
) -> None:
    """Let devices read from after an entry.

    ``owes``: they may have something to bring back. ``probation``: nobody but they themselves has said that they may.
    """
    for device in devices:
        db.execute(
            "INSERT INTO readers (log, device, start_seq, acked_seq, owes, probation) SELECT ?1, ?2, ?3, ?3, ?4, ?5"
            " WHERE NOT EXISTS (SELECT 1 FROM readers WHERE log = ?1 AND device = ?2 AND end_seq IS NULL)",
            (log, device, seq, owes, probation),
        )


def is_on_probation(db: sqlite3.Connection, log: LogRow, device: DeviceRow) -> bool:
    """Whether nobody has vouched for a reader yet; where none is left who could, the one who came first may."""
    db.execute(
        "UPDATE readers SET probation = 0 WHERE log = ?1 AND end_seq IS NULL"
        " AND start_seq = (SELECT min(start_seq) FROM readers WHERE log = ?1 AND end_seq IS NULL)"
        " AND NOT EXISTS (SELECT 1 FROM readers WHERE log = ?1 AND end_seq IS NULL AND NOT probation)",
        (log,),
    )
    row = db.execute(
        "SELECT probation FROM readers WHERE log = ? AND device = ? AND end_seq IS NULL", (log, device)
    ).fetchone()
    return row is None or bool(row[0])


def is_vouched_for(db: sqlite3.Connection, log: LogRow, device: DeviceRow) -> bool:
    """Whether a device reads a log, and not by its own word alone."""
    found = db.execute(
        "SELECT 1 FROM readers WHERE log = ? AND device = ? AND end_seq IS NULL AND NOT probation AND NOT leaving",
        (log, device),
    ).fetchone()
    return found is not None


def note_leaving(db: sqlite3.Connection, log: LogRow, device: DeviceRow) -> None:
    """Note that a reader is about to go."""
    db.execute("UPDATE readers SET leaving = 1 WHERE log = ? AND device = ? AND end_seq IS NULL", (log, device))


def leaving(db: sqlite3.Connection, log: LogRow, author: DeviceRow) -> set[DeviceAddress]:
    """The readers who are about to go, and the author of a commit."""
    rows = db.execute(
        "SELECT account_id, device_id FROM readers JOIN devices USING (device) JOIN accounts USING (account)"
        " WHERE log = ? AND end_seq IS NULL AND (leaving OR device = ?)",
        (log, author),
    )
    return {DeviceAddress(*row) for row in rows}


def settle(db: sqlite3.Connection, log: LogRow, members: Iterable[DeviceAddress], seq: int) -> tuple[DeviceRow, ...]:
    """Vouch for the members among the readers, and let all others read up to an entry; returns those."""
    wanted = {(address.account_id, address.device_id) for address in members}
    present = db.execute(
        "SELECT device, account_id, device_id FROM readers JOIN devices USING (device) JOIN accounts USING (account)"
        " WHERE log = ? AND end_seq IS NULL",
        (log,),
    ).fetchall()
    strangers = tuple(DeviceRow(device) for device, *address in present if tuple(address) not in wanted)
    db.executemany(
        "UPDATE readers SET end_seq = ? WHERE log = ? AND device = ? AND end_seq IS NULL",
        [(seq, log, device) for device in strangers],
    )
    db.execute("UPDATE readers SET probation = 0 WHERE log = ? AND end_seq IS NULL AND probation", (log,))
    _forget_former(db, log)
    return strangers


def check_number(db: sqlite3.Connection, log: LogRow) -> None:
    """Raises ``QuotaExceeded`` where too many read, those who have still to register again included."""
    (readers,) = db.execute(
        "SELECT (SELECT count(*) FROM readers WHERE log = ?1 AND end_seq IS NULL)"
        " + (SELECT count(*) FROM absent_readers WHERE log = ?1 AND end_seq IS NULL)",
        (log,),
    ).fetchone()
    if readers > limits.MAX_READERS_PER_LOG:
        raise QuotaExceeded(f"{limits.MAX_READERS_PER_LOG} devices in each conversation")


def _forget_former(db: sqlite3.Connection, log: LogRow) -> None:
    """Of those who were removed and have yet to fetch what is theirs, keep the latest only.

    Where there are too many, a quarter goes at once, so that not every commit has to look for more.
    """
    most = limits.MAX_FORMER_READERS_PER_LOG
    (former,) = db.execute("SELECT count(end_seq) FROM readers WHERE log = ?", (log,)).fetchone()
    if former <= most:
        return
    db.execute(
        "DELETE FROM readers WHERE log = ?1 AND (device, start_seq) IN (SELECT device, start_seq FROM readers"
        " WHERE log = ?1 AND end_seq IS NOT NULL ORDER BY end_seq LIMIT ?2)",
        (log, former - most * 3 // 4),
    )
