"""What a reader may read of a log, how far it has read, and what is dropped when nobody needs it any more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from tacit import limits
from tacit.limits import ENTRY_OVERHEAD_BYTES
from tacit.relay.store import damage
from tacit.relay.store.places import find_log, position
from tacit.relay.store.rows import NOBODY, Chunk, DeviceRow, LogRow, LogState, Session, StoredEntry


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The part of a log that a device may read, between being added and being removed."""

    first: int
    last: int
    is_open: bool
    own_seq: int


def log_states(db: sqlite3.Connection, session: Session, log_ids: Iterable[bytes]) -> list[LogState | None]:
    """Each log as this device may see it; None where it is not a reader or there is no such log."""
    return [_log_state(db, session, log_id) for log_id in log_ids]


def read_entries(
    db: sqlite3.Connection, log: LogRow, device: DeviceRow, after: int, *, max_entries: int, max_bytes: int
) -> Chunk:
    """The next entries that a device may read after a number; at least one, if there is one, whatever its size."""
    head = db.execute("SELECT last_seq, dropped_seq, restored_seq FROM logs WHERE log = ?", (log,)).fetchone()
    kept_after = after if head is None else max(after, head[1])
    was_restored = head is not None and head[2] is not None
    found: list[StoredEntry] = []
    size = 0
    stretches = _readable(db, log, device, 0 if head is None else head[0])
    for stretch in stretches:
        first, last = max(stretch.first, kept_after + 1), stretch.last
        rows = damage.read_unbroken(db, position(log, first), position(log, last))
        for entry in rows:
            size += len(entry.payload)
            if found and (len(found) == max_entries or size > max_bytes):
                rows.close()
                return Chunk(tuple(found), found[-1].seq, caught_up=False, ended=False)
            if was_restored and entry.author == device and is_hearsay(db, log, device, entry.message_id):
                entry = replace(entry, author=NOBODY)
            found.append(entry)
    # Asked anew with each visit, not remembered from the Listen: the reader may have been removed in between.
    ended = not any(stretch.is_open for stretch in stretches)
    return Chunk(tuple(found), max(after, 0 if head is None else head[0]), caught_up=True, ended=ended)


def is_hearsay(db: sqlite3.Connection, log: LogRow, author: DeviceRow, message_id: bytes) -> bool:
    """Whether only others say that a device wrote an entry, because none of its account has brought it back.

    Else anybody could make another's client believe that its store is an old copy, and stop it writing.
    """
    row = db.execute(
        "SELECT 1 FROM brought WHERE log = ? AND message_id = ?"
        " AND bringer IS NOT (SELECT account FROM devices WHERE device = ?)",
        (log, message_id, author),
    ).fetchone()
    return row is not None


def read_many(
    db: sqlite3.Connection, wanted: Iterable[tuple[LogRow, DeviceRow, int]], *, max_entries: int, max_bytes: int
) -> list[Chunk]:
    """The next entries of several logs; fewer chunks than were wanted once the bounds are met."""
    chunks: list[Chunk] = []
    for log, device, after in wanted:
        if max_entries <= 0 or max_bytes <= 0:
            break
        chunk = read_entries(db, log, device, after, max_entries=max_entries, max_bytes=max_bytes)
        chunks.append(chunk)
        max_entries -= len(chunk.entries)
        max_bytes -= sum(len(entry.payload) for entry in chunk.entries)
    return chunks


def acknowledge(db: sqlite3.Connection, session: Session, positions: Iterable[tuple[bytes, int]], now_s: int) -> None:
    """Note how far a device has stored its logs, and drop what no reader needs any more."""
    for log_id, seq in positions:
        log = find_log(db, session, log_id)
        if log is None:
            continue
        moved = db.execute(
            "UPDATE readers SET acked_seq = min(?1, (SELECT last_seq FROM logs WHERE log = ?2))"
            " WHERE log = ?2 AND device = ?3 AND acked_seq < ?1",
            (seq, log, session.device),
        )
        if moved.rowcount:
            drop_acknowledged(db, log, now_s)


def drop_acknowledged(db: sqlite3.Connection, log: LogRow, now_s: int) -> None:
    """Drop the readers who have read all they may, the entries that all others have, and a log without readers."""
    db.execute("DELETE FROM readers WHERE log = ? AND acked_seq >= end_seq", (log,))
    needed_after = db.execute(
        "SELECT min(seq) FROM (SELECT acked_seq AS seq FROM readers WHERE log = ?1"
        " UNION ALL SELECT start_seq FROM absent_readers WHERE log = ?1)",
        (log,),
    ).fetchone()[0]
    if needed_after is None:
        _drop_log(db, log, now_s)
    else:
        drop_through(db, log, needed_after, now_s)


def drop_older(db: sqlite3.Connection, received_before_ms: int, now_s: int, max_entries: int) -> int:
    """Drop what has waited too long, so many entries at a time; returns how many, fewer when there are no more."""
    old = db.execute(
        "SELECT position >> 32, max(position & 4294967295), count(*) FROM"
        " (SELECT position FROM entries WHERE received_at_ms < ? ORDER BY received_at_ms LIMIT ?) GROUP BY 1",
        (received_before_ms, max_entries),
    ).fetchall()
    for log, seq, _ in old:
        drop_through(db, LogRow(log), seq, now_s)
        db.execute("DELETE FROM readers WHERE log = ? AND end_seq <= ?", (log, seq))
        drop_acknowledged(db, LogRow(log), now_s)
    return sum(count for _, _, count in old)


def drop_old_answers(db: sqlite3.Connection, dropped_before: int, at_most: int) -> int:
    """Forget the answers to appends that nobody can mean to repeat; returns how many, fewer when those were all."""
    return db.execute(
        "DELETE FROM answers WHERE (author, message_id, log) IN"
        " (SELECT author, message_id, log FROM answers WHERE dropped_at < ? LIMIT ?)",
        (dropped_before, at_most),
    ).rowcount


def forget_reader(db: sqlite3.Connection, device: DeviceRow, now_s: int) -> None:
    """Keep nothing for a device that will not read again; its empty inbox stays."""
    inbox = db.execute("SELECT inbox FROM devices WHERE device = ?", (device,)).fetchone()[0]
    logs = db.execute("SELECT DISTINCT log FROM readers WHERE device = ?", (device,)).fetchall()
    db.execute("DELETE FROM readers WHERE device = ? AND log != ?", (device, inbox))
    db.execute("UPDATE readers SET acked_seq = (SELECT last_seq FROM logs WHERE log = ?1) WHERE log = ?1", (inbox,))
    for (log,) in logs:
        drop_acknowledged(db, LogRow(log), now_s)


def _log_state(db: sqlite3.Connection, session: Session, log_id: bytes) -> LogState | None:
    log = find_log(db, session, log_id)
    if log is None:
        return None
    head, last_commit, dropped, restored, held_until, room_stale = db.execute(
        "SELECT last_seq, last_commit_seq, dropped_seq, restored_seq, held_until, commit_seq != last_commit_seq"
        " FROM logs LEFT JOIN rooms USING (log) WHERE log = ?",
        (log,),
    ).fetchone()
    if restored is not None:
        # Whoever has found its place since one restore need not go back behind that after the next.
        (restored,) = db.execute(
            "SELECT min(coalesce(restored_seq, ?)) FROM readers WHERE log = ? AND device = ?",
            (restored, log, session.device),
        ).fetchone()
    stretches = _readable(db, log, session.device, head)
    if not stretches:
        return None
    last = stretches[-1].last
    first = next((max(part.first, dropped + 1) for part in stretches if part.last >= max(part.first, dropped + 1)), 0)
    return LogState(
        log=log,
        first_seq=first or last + 1,
        last_seq=last,
        last_commit_seq=min(last_commit, last),
        # Of a device that was away in between, what it wrote in an earlier stretch is no concern of its present self.
        own_last_seq=stretches[-1].own_seq,
        restored_seq=restored or 0,
        held_until=held_until,
        since_seq=stretches[-1].first - 1,
        room_stale=bool(room_stale),
    )


def _readable(db: sqlite3.Connection, log: LogRow, device: DeviceRow, head: int) -> list[_Stretch]:
    """The stretches of a log that a device may read, in order."""
    rows = db.execute(
        "SELECT start_seq + 1, coalesce(end_seq, ?), end_seq IS NULL, own_seq FROM readers"
        " WHERE log = ? AND device = ? ORDER BY start_seq",
        (head, log, device),
    )
    return [_Stretch(first, last, bool(is_open), own) for first, last, is_open, own in rows]


def drop_through(db: sqlite3.Connection, log: LogRow, seq: int, now_s: int) -> None:
    """Drop a log's entries up to a number; an author who has not acknowledged its own can still repeat it."""
    dropped, was_restored = db.execute(
        "SELECT dropped_seq, restored_seq IS NOT NULL FROM logs WHERE log = ?", (log,)
    ).fetchone()
    if seq <= dropped:
        return
    stretch = (position(log, dropped + 1), position(log, seq))
    kept = db.execute(
        # A damaged entry may name nobody, or repeat a message ID; it must not keep its log from being cleared.
        "INSERT OR IGNORE INTO answers (author, message_id, log, seq, dropped_at)"
        " SELECT author, CAST(message_id AS BLOB), ?1, position & 4294967295, ?2 FROM entries JOIN devices"
        " ON device = author WHERE position BETWEEN ?3 AND ?4"
        " AND NOT EXISTS (SELECT 1 FROM readers WHERE log = ?1 AND device = author AND end_seq IS NULL"
        # Who came in by the entry itself begins to read behind it, and has acknowledged nothing.
        " AND start_seq < position & 4294967295 AND acked_seq >= position & 4294967295)",
        (log, now_s, *stretch),
    )
    if kept.rowcount:
        _forget_answers(db, stretch)
    written = db.execute(_CHARGED if was_restored else _WRITTEN, stretch).fetchall()
    for account, count, size in written:
        db.execute(
            "UPDATE accounts SET held_bytes = held_bytes - ? WHERE account = ?",
            (size + count * ENTRY_OVERHEAD_BYTES, account),
        )
    db.execute("DELETE FROM entries WHERE position BETWEEN ? AND ?", stretch)
    db.execute(
        "UPDATE logs SET dropped_seq = ?, held_bytes = held_bytes - ? WHERE log = ?",
        (seq, sum(size for _, _, size in written), log),
    )
    step = limits.MAX_BROUGHT_KEPT // 4
    if was_restored and seq // step > dropped // step:
        db.execute("DELETE FROM brought WHERE log = ? AND seq <= ?", (log, seq - limits.MAX_BROUGHT_KEPT))


def _forget_answers(db: sqlite3.Connection, stretch: tuple[int, int]) -> None:
    """Of what the authors of a stretch were answered, keep the latest only; of too much a quarter goes at once."""
    most = limits.MAX_ANSWERS_PER_DEVICE
    authors = db.execute(
        "SELECT author, count(*) FROM answers WHERE author IN"
        " (SELECT author FROM entries WHERE position BETWEEN ? AND ?) GROUP BY author HAVING count(*) > ?",
        (*stretch, most),
    ).fetchall()
    for author, answers in authors:
        db.execute(
            "DELETE FROM answers WHERE author = ?1 AND (message_id, log) IN"
            " (SELECT message_id, log FROM answers WHERE author = ?1 ORDER BY dropped_at, seq LIMIT ?2)",
            (author, answers - most * 3 // 4),
        )


def _drop_log(db: sqlite3.Connection, log: LogRow, now_s: int) -> None:
    """Drop a conversation that nobody reads; inboxes always have their reader."""
    last = db.execute("SELECT last_seq FROM logs WHERE log = ?", (log,)).fetchone()[0]
    drop_through(db, log, last, now_s)
    db.execute("DELETE FROM brought WHERE log = ?", (log,))
    db.execute("DELETE FROM logs WHERE log = ?", (log,))


_WRITTEN: Final = (
    "SELECT account, count(*), sum(length(payload)) FROM entries JOIN devices ON device = author"
    " WHERE position BETWEEN ? AND ? GROUP BY 1"
)
_CHARGED: Final = (
    "SELECT coalesce(bringer, account), count(*), sum(length(payload)) FROM entries JOIN devices ON device = author"
    " LEFT JOIN brought ON brought.log = position >> 32 AND brought.message_id = entries.message_id"
    " WHERE position BETWEEN ? AND ? GROUP BY 1"
)
"""For whom the entries of a stretch count. Those that were brought back count for whoever did that."""
