"""Logs: made, appended to under their conditions, their readers changed by commits.

An entry's number, its condition and the change of readers are decided in one change, so no two entries share a number,
no number is left out, and of all commits that build on the same one exactly one enters.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from tacit import limits
from tacit.relay.store.damage import entry_checksum
from tacit.relay.store.rows import COMMIT, MAX_SEQ, Appended, DeviceAddress, DeviceRow, LogRow, NewEntry, Session
from tacit.wire.errors import (
    CommitConflict,
    LogTaken,
    NoSuchAccount,
    NoSuchDevice,
    NotAReader,
    QuotaExceeded,
    UnknownLog,
)


@dataclass(frozen=True, slots=True)
class Target:
    """The log that an entry goes to."""

    log: LogRow
    last_seq: int
    last_commit_seq: int
    held_bytes: int


def create_log(db: sqlite3.Connection, maker: Session, log_id: bytes, now_s: int) -> None:
    """Make a log with one reader; a repeat by its maker changes nothing. Raises ``LogTaken``."""
    row = db.execute("SELECT maker FROM logs WHERE log_id = ?", (log_id,)).fetchone()
    if row is not None:
        if row[0] != maker.device:
            raise LogTaken
        return
    made = db.execute(
        "SELECT count(*) FROM logs JOIN devices ON maker = device WHERE account = ?", (maker.account,)
    ).fetchone()[0]
    if made >= limits.MAX_LOGS_PER_ACCOUNT:
        raise QuotaExceeded(f"{limits.MAX_LOGS_PER_ACCOUNT} conversations made by each account")
    log = db.execute(
        "INSERT INTO logs (log_id, maker, created_at) VALUES (?, ?, ?) RETURNING log", (log_id, maker.device, now_s)
    ).fetchone()[0]
    db.execute("INSERT INTO readers (log, device, start_seq, acked_seq) VALUES (?, ?, 0, 0)", (log, maker.device))


def append(db: sqlite3.Connection, entry: NewEntry) -> Appended:
    """Give an entry the next number of its log and keep it; a repeat of its message ID gets the first answer.

    Raises ``UnknownLog``, ``NoSuchAccount``, ``NoSuchDevice``, ``NotAReader``, ``CommitConflict`` or ``QuotaExceeded``.
    """
    target = _inbox(db, entry.inbox) if entry.inbox is not None else _conversation(db, entry.log_id)
    earlier = _first_answer(db, target.log, entry)
    if earlier is not None:
        return Appended(target.log, earlier, fresh=False)
    seq = target.last_seq + 1
    if entry.inbox is None:
        _check_author(db, target, entry, seq)
    else:
        _check_inbox_quota(db, target, entry)
    if seq > MAX_SEQ:
        raise QuotaExceeded("this log has no numbers left")
    _charge(db, entry)
    _keep(db, target, entry, seq)
    removed = _change_readers(db, target.log, entry, seq)
    return Appended(target.log, seq, fresh=True, removed=removed)


def find_log(db: sqlite3.Connection, session: Session, log_id: bytes) -> LogRow | None:
    """The log that a device means by an ID: its own inbox by the device ID, else a conversation."""
    if log_id == session.device_id:
        row = db.execute("SELECT inbox FROM devices WHERE device = ?", (session.device,)).fetchone()
    else:
        row = db.execute("SELECT log FROM logs WHERE log_id = ?", (log_id,)).fetchone()
    return None if row is None else LogRow(row[0])


def position(log: LogRow, seq: int) -> int:
    """Where an entry lies in ``entries``."""
    return (log << 32) | seq


def find_device(db: sqlite3.Connection, address: DeviceAddress) -> DeviceRow:
    """A device that is not revoked. Raises ``NoSuchAccount`` or ``NoSuchDevice``."""
    row = db.execute(
        "SELECT device FROM accounts LEFT JOIN devices"
        " ON devices.account = accounts.account AND device_id = ? AND revoked_at IS NULL WHERE account_id = ?",
        (address.device_id, address.account_id),
    ).fetchone()
    if row is None:
        raise NoSuchAccount
    if row[0] is None:
        raise NoSuchDevice
    return DeviceRow(row[0])


def _conversation(db: sqlite3.Connection, log_id: bytes | None) -> Target:
    row = db.execute(
        "SELECT log, last_seq, last_commit_seq, held_bytes FROM logs WHERE log_id = ?", (log_id,)
    ).fetchone()
    if row is None:
        raise UnknownLog
    return Target(LogRow(row[0]), row[1], row[2], row[3])


def _inbox(db: sqlite3.Connection, address: DeviceAddress) -> Target:
    row = db.execute(
        "SELECT log, last_seq, last_commit_seq, held_bytes FROM devices JOIN logs ON log = inbox WHERE device = ?",
        (find_device(db, address),),
    ).fetchone()
    return Target(LogRow(row[0]), row[1], row[2], row[3])


def _first_answer(db: sqlite3.Connection, log: LogRow, entry: NewEntry) -> int | None:
    """The number that this message ID got before, whether the entry is still here or not."""
    row = db.execute(
        "SELECT position & 4294967295 FROM entries WHERE author = ?1 AND message_id = ?2 AND position >> 32 = ?3"
        " UNION ALL SELECT seq FROM answers WHERE author = ?1 AND message_id = ?2 AND log = ?3",
        (entry.author, entry.message_id, log),
    ).fetchone()
    return None if row is None else int(row[0])


def _check_author(db: sqlite3.Connection, target: Target, entry: NewEntry, seq: int) -> None:
    """Only a reader appends, and a commit only when its author has seen the last one."""
    noted = db.execute(
        "UPDATE readers SET own_seq = ? WHERE log = ? AND device = ? AND end_seq IS NULL",
        (seq, target.log, entry.author),
    )
    if noted.rowcount == 0:
        raise NotAReader
    if entry.kind == COMMIT and entry.after_commit != target.last_commit_seq:
        raise CommitConflict(last_commit_seq=target.last_commit_seq)


def _check_inbox_quota(db: sqlite3.Connection, target: Target, entry: NewEntry) -> None:
    """An inbox holds so many entries and bytes, and so many entries of any one account."""
    waiting, own = db.execute(
        "SELECT count(*), count(*) FILTER (WHERE account = (SELECT account FROM devices WHERE device = ?))"
        " FROM entries JOIN devices ON device = author WHERE position BETWEEN ? AND ?",
        (entry.author, position(target.log, 0), position(target.log, MAX_SEQ)),
    ).fetchone()
    if own >= limits.MAX_INBOX_ENTRIES_PER_SENDER:
        raise QuotaExceeded(f"{limits.MAX_INBOX_ENTRIES_PER_SENDER} entries of each account may wait in an inbox")
    if waiting >= limits.MAX_INBOX_ENTRIES or target.held_bytes + len(entry.payload) > limits.MAX_INBOX_BYTES:
        raise QuotaExceeded("this inbox is full")


def _charge(db: sqlite3.Connection, entry: NewEntry) -> None:
    """Count an entry for its author's account, until it is dropped."""
    charged = db.execute(
        "UPDATE accounts SET held_bytes = held_bytes + ?1"
        " WHERE account = (SELECT account FROM devices WHERE device = ?2) AND held_bytes + ?1 <= ?3",
        (len(entry.payload) + limits.ENTRY_OVERHEAD_BYTES, entry.author, limits.MAX_HELD_BYTES_PER_ACCOUNT),
    )
    if charged.rowcount == 0:
        raise QuotaExceeded("too much that this account wrote waits for devices that are away")


def _keep(db: sqlite3.Connection, target: Target, entry: NewEntry, seq: int) -> None:
    row = (position(target.log, seq), entry.author, entry.message_id, entry.kind, entry.payload, entry.received_at_ms)
    db.execute(
        "INSERT INTO entries (position, author, message_id, kind, payload, received_at_ms, checksum)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*row, entry_checksum(*row)),
    )
    db.execute(
        "UPDATE logs SET last_seq = ?, last_commit_seq = ?, held_bytes = held_bytes + ? WHERE log = ?",
        (seq, seq if entry.kind == COMMIT else target.last_commit_seq, len(entry.payload), target.log),
    )


def _change_readers(db: sqlite3.Connection, log: LogRow, entry: NewEntry, seq: int) -> tuple[DeviceRow, ...]:
    """Let new readers read from after this entry, and removed ones up to it; returns who was removed."""
    removed = []
    for address in entry.readers_removed:
        row = db.execute(
            "UPDATE readers SET end_seq = ? WHERE log = ? AND end_seq IS NULL AND device ="
            " (SELECT device FROM devices JOIN accounts USING (account) WHERE account_id = ? AND device_id = ?)"
            " RETURNING device",
            (seq, log, address.account_id, address.device_id),
        ).fetchone()
        if row is not None:
            removed.append(DeviceRow(row[0]))
    for address in entry.readers_added:
        db.execute(
            "INSERT INTO readers (log, device, start_seq, acked_seq) SELECT ?1, ?2, ?3, ?3 WHERE NOT EXISTS"
            " (SELECT 1 FROM readers WHERE log = ?1 AND device = ?2 AND end_seq IS NULL)",
            (log, find_device(db, address), seq),
        )
    if entry.readers_added:
        readers = db.execute("SELECT count(*) FROM readers WHERE log = ? AND end_seq IS NULL", (log,)).fetchone()[0]
        if readers > limits.MAX_READERS_PER_LOG:
            raise QuotaExceeded(f"{limits.MAX_READERS_PER_LOG} devices in each conversation")
    return tuple(removed)
