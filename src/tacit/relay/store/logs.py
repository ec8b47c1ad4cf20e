"""Logs: made, and appended to under their conditions, their readers changed by commits.

An entry's number, its condition and the change of readers are decided in one change, so no two entries share a number,
no number is left out, and of all commits that build on the same one exactly one enters.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from tacit import limits
from tacit.errors import RelayError
from tacit.relay.store import rooms
from tacit.relay.store.appending import Appending
from tacit.relay.store.rows import Appended, LogRow, NewEntry, RoomState, Session
from tacit.wire.errors import LogTaken, QuotaExceeded


def create_log(
    db: sqlite3.Connection, maker: Session, log_id: bytes, now_s: int, room: RoomState | None = None
) -> None:
    """Make a log with one reader, and perhaps a room; a repeat by its maker changes nothing.

    Raises ``LogTaken``, ``RoomNameTaken`` or ``QuotaExceeded``.
    """
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
    if room is not None:
        rooms.create(db, maker, LogRow(log), room)


def append(db: sqlite3.Connection, entry: NewEntry) -> Appended:
    """Give an entry the next number of its log and keep it; a repeat of its message ID gets the first answer.

    Raises ``UnknownLog``, ``NoSuchAccount``, ``NoSuchDevice``, ``NotAReader``, ``CommitConflict`` or ``QuotaExceeded``.
    """
    appending = Appending(db, [entry])
    appended = appending.append(entry)
    appending.write()
    return appended


def append_all(db: sqlite3.Connection, entries: Sequence[NewEntry]) -> list[Appended | RelayError]:
    """Append entries in order, for less than one by one; a refusal stands in the place of what was refused."""
    appending = Appending(db, entries)
    outcomes: list[Appended | RelayError] = []
    for entry in entries:
        try:
            outcomes.append(appending.append(entry))
        except RelayError as refusal:
            outcomes.append(refusal)
    appending.write()
    return outcomes
