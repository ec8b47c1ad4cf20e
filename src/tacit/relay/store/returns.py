"""What a restored relay lacks and its readers bring back: entries at their old numbers, and readers with their commits.

A log is held at first: it takes nothing new, and what is brought back has to continue it, so that every entry gets the
number that it had. Later, what is brought back gets the next number. The relay judges no entry, as ever; it only
refuses to let a commit in again when a new one has taken its place.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tacit.limits import ENTRY_OVERHEAD_BYTES, MAX_HELD_BYTES_PER_ACCOUNT, RETURN_WAIT_S
from tacit.relay.store import entries, readers, reading
from tacit.relay.store.entries import OWN_SEQ, RETRY_S, is_held
from tacit.relay.store.rows import (
    COMMIT,
    MAX_SEQ,
    NOBODY,
    AccountRow,
    Appended,
    DeviceAddress,
    DeviceRow,
    LogRow,
    NewEntry,
    Session,
)
from tacit.wire.errors import CommitConflict, NotAReader, QuotaExceeded, Restoring, UnknownLog


@dataclass(frozen=True, slots=True)
class LostEntry:
    """An entry as one of its readers has kept it; ``author`` None where it cannot tell."""

    log_id: bytes
    seq: int
    author: DeviceAddress | None
    message_id: bytes
    kind: int
    payload: bytes
    received_at_ms: int
    readers_added: tuple[DeviceAddress, ...] = ()
    readers_removed: tuple[DeviceAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class _Log:
    row: LogRow
    last_seq: int
    last_commit_seq: int
    dropped_seq: int
    held_until: int
    brought_commit_seq: int


def begin_waiting(db: sqlite3.Connection, now_s: int) -> int:
    """At the first start after a restore, note where each log ended and hold it; returns until when is waited."""
    row = db.execute("SELECT restored_at, waits_for IS NOT incarnation, waits_until FROM relay").fetchone()
    if row is None or row[0] is None:
        return 0
    if not row[1]:
        return int(row[2])
    until = now_s + RETURN_WAIT_S
    db.execute("BEGIN IMMEDIATE")
    db.execute(
        "UPDATE logs SET restored_seq = min(coalesce(restored_seq, last_seq), last_seq),"
        " brought_commit_seq = last_commit_seq, held_until = iif(log_id IS NULL, 0, ?)",
        (until,),
    )
    db.execute(
        "UPDATE readers SET restored_seq = (SELECT min(coalesce(readers.restored_seq, last_seq), last_seq)"
        " FROM logs WHERE logs.log = readers.log)"
    )
    db.execute(
        "UPDATE readers SET owes = 1 WHERE end_seq IS NULL AND log IN (SELECT log FROM logs WHERE log_id IS NOT NULL)"
    )
    db.execute("UPDATE relay SET waits_for = incarnation, waits_until = ?", (until,))
    db.execute("COMMIT")
    return until


def make_again(db: sqlite3.Connection, maker: Session, log_id: bytes) -> None:
    """Let the maker of a log that the backup did not have bring its entries back, and hold it meanwhile."""
    db.execute(
        "UPDATE readers SET owes = 1 WHERE device = ? AND start_seq = 0 AND end_seq IS NULL"
        " AND log = (SELECT log FROM logs WHERE log_id = ? AND last_seq = 0)"
        " AND (SELECT waits_until FROM relay) > 0",
        (maker.device, log_id),
    )
    db.execute(
        "UPDATE logs SET restored_seq = 0, held_until = coalesce((SELECT waits_until FROM relay), 0)"
        " WHERE log_id = ? AND last_seq = 0",
        (log_id,),
    )


def bring_back(db: sqlite3.Connection, session: Session, lost: LostEntry) -> tuple[NewEntry, Appended]:
    """Put an entry back, and say under which number; one that is there gets the number that it has.

    Where somebody else than its author's account brings it, the entry comes out with ``NOBODY`` for its readers.
    Raises ``UnknownLog``, ``NotAReader``, ``QuotaExceeded``, ``CommitConflict`` when a new commit has taken its place,
    or ``Restoring`` while others have to bring what comes before.
    """
    log = _find(db, lost.log_id)
    _check_reader(db, log, session)
    author = session.device if lost.author is None else _device(db, lost.author) or session.device
    entry = NewEntry(author, lost.log_id, None, lost.message_id, lost.kind, lost.payload, lost.received_at_ms)
    known = _known(db, log, entry, lost.seq)
    if known is not None:
        return entry, Appended(log.row, known, fresh=False)
    _check_owes(db, log, session)
    seq = log.last_seq + 1
    if is_held(log.held_until, lost.received_at_ms // 1000) and lost.seq != seq:
        raise Restoring(retry_after_s=RETRY_S)
    if lost.kind == COMMIT and log.last_commit_seq > log.brought_commit_seq:
        raise CommitConflict(last_commit_seq=log.last_commit_seq)
    _charge(db, session.account, len(entry.payload) + ENTRY_OVERHEAD_BYTES)
    _keep(db, log, entry, seq, session.account)
    if reading.is_hearsay(db, log.row, author, entry.message_id):
        entry = replace(entry, author=NOBODY)
    else:
        db.execute(OWN_SEQ, (seq, log.row, author))
    removed = readers.remove(db, log.row, lost.readers_removed, seq)
    _add_readers(db, log.row, lost.readers_added, seq, session.account, lost.received_at_ms // 1000)
    return entry, Appended(log.row, seq, fresh=True, removed=removed)


def end(db: sqlite3.Connection, session: Session, log_id: bytes) -> None:
    """Note that a device has nothing more to bring back to a log, and has found its place. Raises ``UnknownLog``."""
    log = _find(db, log_id)
    db.execute(
        "UPDATE readers SET owes = iif(end_seq IS NULL, 0, owes), restored_seq = NULL WHERE log = ? AND device = ?",
        (log.row, session.device),
    )
    db.execute(
        "UPDATE logs SET held_until = 0 WHERE log = ?1"
        " AND NOT EXISTS (SELECT 1 FROM readers WHERE log = ?1 AND end_seq IS NULL AND owes)"
        " AND NOT EXISTS (SELECT 1 FROM absent_readers WHERE log = ?1 AND end_seq IS NULL)",
        (log.row,),
    )


def take_in(db: sqlite3.Connection, device: DeviceRow, address: DeviceAddress) -> None:
    """Make a device that has just registered a reader of the logs that it was missed in."""
    db.execute(
        "INSERT INTO readers (log, device, start_seq, end_seq, acked_seq, owes)"
        " SELECT log, ?, start_seq, end_seq, start_seq, 1 FROM absent_readers WHERE account_id = ? AND device_id = ?",
        (device, address.account_id, address.device_id),
    )
    _forget_absent(db, "account_id = ? AND device_id = ?", address.account_id, address.device_id)


def forget_old(db: sqlite3.Connection, before: int, now_s: int) -> None:
    """Forget the devices that have not registered again, and which entries were brought back."""
    for log in _forget_absent(db, "noted_at < ?", before):
        reading.drop_acknowledged(db, log, now_s)  # they may have been all that it was kept for
    db.execute(
        "DELETE FROM brought WHERE brought_at < ?"
        " AND NOT EXISTS (SELECT 1 FROM entries WHERE position = (brought.log << 32) + brought.seq)",
        (before,),
    )


def forget_account(db: sqlite3.Connection, account: AccountRow) -> None:
    """Keep nothing of an account that is deleted: where it was missed, and what it has brought back."""
    _forget_absent(db, "account_id = (SELECT account_id FROM accounts WHERE account = ?)", account)
    for table in ("brought", "absent_readers"):  # its number may be given again; nobody has 0
        db.execute(f"UPDATE {table} SET bringer = 0 WHERE bringer = ?", (account,))  # noqa: S608


def end_all(db: sqlite3.Connection, before: int) -> None:
    """Take nothing back any more, to no log, when what was waited for until then is kept by no client."""
    ended = db.execute("UPDATE relay SET waits_until = 0 WHERE waits_until BETWEEN 1 AND ?", (before,))
    if ended.rowcount:
        db.execute("UPDATE readers SET owes = 0 WHERE owes")


def _find(db: sqlite3.Connection, log_id: bytes) -> _Log:
    row = db.execute(
        "SELECT log, last_seq, last_commit_seq, dropped_seq, held_until, brought_commit_seq FROM logs WHERE log_id = ?",
        (log_id,),
    ).fetchone()
    if row is None:
        raise UnknownLog
    return _Log(*row)


def _device(db: sqlite3.Connection, address: DeviceAddress) -> DeviceRow | None:
    """A device, revoked or not, if it is known."""
    row = db.execute(
        "SELECT device FROM devices JOIN accounts USING (account) WHERE account_id = ? AND device_id = ?",
        (address.account_id, address.device_id),
    ).fetchone()
    return None if row is None else DeviceRow(row[0])


def _known(db: sqlite3.Connection, log: _Log, entry: NewEntry, seq: int) -> int | None:
    """Under which number an entry is here, or was until all had read it."""
    if seq <= log.dropped_seq:
        return seq
    row = db.execute(
        "SELECT position & 4294967295 FROM entries WHERE author = ?1 AND message_id = ?2 AND position >> 32 = ?3"
        " UNION ALL SELECT seq FROM answers WHERE author = ?1 AND message_id = ?2 AND log = ?3"
        " UNION ALL SELECT seq FROM brought WHERE message_id = ?2 AND log = ?3",
        (entry.author, entry.message_id, log.row),
    ).fetchone()
    return None if row is None else int(row[0])


def _check_reader(db: sqlite3.Connection, log: _Log, session: Session) -> None:
    """Before anything is said of a log: what it has, and how far it was read, is for nobody else to try out."""
    row = db.execute("SELECT 1 FROM readers WHERE log = ? AND device = ?", (log.row, session.device)).fetchone()
    if row is None:
        raise NotAReader


def _check_owes(db: sqlite3.Connection, log: _Log, session: Session) -> None:
    owes = db.execute(
        "SELECT 1 FROM readers WHERE log = ? AND device = ? AND end_seq IS NULL AND owes", (log.row, session.device)
    ).fetchone()
    if owes is None:
        raise NotAReader
    if log.last_seq >= MAX_SEQ:
        raise QuotaExceeded("this log has no numbers left")


def _charge(db: sqlite3.Connection, bringer: AccountRow, size_bytes: int) -> None:
    """Count what is brought back for whoever brings it, in whoever's name it is."""
    charged = db.execute(
        "UPDATE accounts SET held_bytes = held_bytes + ?1 WHERE account = ?2 AND held_bytes + ?1 <= ?3",
        (size_bytes, bringer, MAX_HELD_BYTES_PER_ACCOUNT),
    )
    if charged.rowcount == 0:
        raise QuotaExceeded("too much that this account has written or brought back waits for devices that are away")


def _keep(db: sqlite3.Connection, log: _Log, entry: NewEntry, seq: int, bringer: AccountRow) -> None:
    entries.put(db, log.row, seq, entry)
    db.execute(
        "INSERT INTO brought (log, message_id, seq, brought_at, bringer) VALUES (?, ?, ?, ?, ?)",
        (log.row, entry.message_id, seq, entry.received_at_ms // 1000, bringer),
    )
    commit_seq = seq if entry.kind == COMMIT else None
    db.execute(
        "UPDATE logs SET last_seq = ?1, last_commit_seq = coalesce(?2, last_commit_seq),"
        " brought_commit_seq = coalesce(?2, brought_commit_seq), held_bytes = held_bytes + ?3 WHERE log = ?4",
        (seq, commit_seq, len(entry.payload), log.row),
    )


def _add_readers(
    db: sqlite3.Connection, log: LogRow, addresses: Iterable[DeviceAddress], seq: int, bringer: AccountRow, now_s: int
) -> None:
    """Let devices read from after this entry; one that has still to register again is noted."""
    for address in addresses:
        device = _device(db, address)
        if device is not None:
            readers.add(db, log, (device,), seq, owes=True)
            continue
        noted = db.execute(
            "INSERT INTO absent_readers (log, account_id, device_id, start_seq, noted_at, bringer)"
            " SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS (SELECT 1 FROM absent_readers"
            " WHERE log = ?1 AND account_id = ?2 AND device_id = ?3 AND end_seq IS NULL)",
            (log, address.account_id, address.device_id, seq, now_s, bringer),
        )
        if noted.rowcount:
            _charge(db, bringer, ENTRY_OVERHEAD_BYTES)
    readers.check_number(db, log)


def _forget_absent(db: sqlite3.Connection, where: str, *values: object) -> list[LogRow]:
    """Delete notes of absent readers, and no longer count them; returns their logs."""
    rows = db.execute(f"DELETE FROM absent_readers WHERE {where} RETURNING log, bringer", values).fetchall()  # noqa: S608
    db.executemany(
        "UPDATE accounts SET held_bytes = held_bytes - ? WHERE account = ?",
        [(ENTRY_OVERHEAD_BYTES, bringer) for _, bringer in rows if bringer is not None],
    )
    return sorted({LogRow(log) for log, _ in rows})
