"""Appends that share a transaction: what they have in common is read once and written once.

Twenty messages to one conversation need its row, their author's place among its readers and their account's quota only
once, and their rows go into the table together. A statement costs more than the row that it writes, and each lets the
event loop's thread in between. Until ``write`` the values here are ahead of the tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from tacit import limits
from tacit.errors import RelayError
from tacit.relay.store import readers, rooms
from tacit.relay.store.entries import INTO, OWN_SEQ, RETRY_S, is_held, row_of
from tacit.relay.store.places import find_device, position
from tacit.relay.store.rows import COMMIT, MAX_SEQ, AccountRow, Appended, DeviceAddress, DeviceRow, LogRow, NewEntry
from tacit.wire.errors import CommitConflict, NotAReader, QuotaExceeded, Restoring, UnknownLog

_Row: TypeAlias = tuple[Any, ...]

_ROWS_AT_ONCE: Final = (64, 32, 16, 8, 4, 2, 1)
"""Rows in one statement; each size is a statement of its own that SQLite keeps prepared."""


class _Log:
    """The log that an entry goes to."""

    __slots__ = ("held_bytes", "held_until", "last_commit_seq", "last_seq", "row")

    def __init__(self, row: LogRow, last_seq: int, last_commit_seq: int, held_bytes: int, held_until: int) -> None:
        self.row = row
        self.last_seq = last_seq
        self.last_commit_seq = last_commit_seq
        self.held_bytes = held_bytes
        self.held_until = held_until


class _Account:
    """The account that an entry counts for, until it is dropped."""

    __slots__ = ("held_bytes", "row")

    def __init__(self, row: AccountRow, held_bytes: int) -> None:
        self.row = row
        self.held_bytes = held_bytes


class _Place:
    """One author at one log."""

    __slots__ = ("account", "is_reader", "log")

    def __init__(self, log: _Log, account: _Account | None, is_reader: bool) -> None:
        self.log = log
        self.account = account
        self.is_reader = is_reader


class Appending:
    """Some appends of one transaction, in order. Between them nothing else may change the tables."""

    def __init__(self, db: sqlite3.Connection, entries: Sequence[NewEntry]) -> None:
        self._db = db
        self._logs: dict[LogRow, _Log] = {}
        self._accounts: dict[AccountRow, _Account] = {}
        self._places: dict[tuple[DeviceRow, bytes | DeviceAddress | None], _Place] = {}
        self._rows: list[_Row] = []
        self._changed_logs: dict[LogRow, _Log] = {}
        self._changed_accounts: dict[AccountRow, _Account] = {}
        self._own_seqs: dict[tuple[LogRow, DeviceRow], int] = {}
        self._answers = self._earlier_answers(entries)

    def append(self, entry: NewEntry) -> Appended:
        """Give an entry the next number of its log; a repeat of its message ID gets the first answer.

        Raises ``UnknownLog``, ``NoSuchAccount``, ``NoSuchDevice``, ``NotAReader``, ``CommitConflict``, ``Restoring``
        or ``QuotaExceeded``, and then nothing has changed.
        """
        place = self._place(entry)
        log, account = place.log, place.account
        question = (entry.author, entry.message_id, log.row)
        earlier = self._answers.get(question)
        if earlier is not None:
            return Appended(log.row, earlier, fresh=False)
        seq = log.last_seq + 1
        self._check_allowed(place, entry)
        if entry.kind == COMMIT:
            rooms.check_change(self._db, log.row, entry.room)
            if entry.room is not None:
                entry = rooms.weigh(self._db, log.row, entry, entry.room)
        if seq > MAX_SEQ:
            raise QuotaExceeded("this log has no numbers left")
        size_bytes = len(entry.payload)
        charge_bytes = size_bytes + limits.ENTRY_OVERHEAD_BYTES
        if account is None or account.held_bytes + charge_bytes > limits.MAX_HELD_BYTES_PER_ACCOUNT:
            raise QuotaExceeded("too much that this account wrote waits for devices that are away")
        removed: tuple[DeviceRow, ...] = ()
        if entry.readers_added or entry.readers_removed or (entry.room is not None and entry.room.readers):
            removed = self._change_readers(log.row, entry, seq)
        # Nothing refuses from here on.
        account.held_bytes += charge_bytes
        log.last_seq = seq
        log.held_bytes += size_bytes
        if entry.kind == COMMIT:
            log.last_commit_seq = seq
            if entry.room is not None:
                rooms.change(self._db, log.row, entry.room, seq)
        self._keep(log, account, entry)
        self._answers[question] = seq
        return Appended(log.row, seq, fresh=True, removed=removed)

    def write(self) -> None:
        """Bring the tables up to date."""
        _in_portions(self._db, _INSERT, self._rows)
        self._db.executemany(
            "UPDATE logs SET last_seq = ?, last_commit_seq = ?, held_bytes = ? WHERE log = ?",
            [(log.last_seq, log.last_commit_seq, log.held_bytes, log.row) for log in self._changed_logs.values()],
        )
        self._db.executemany(OWN_SEQ, [(seq, log, device) for (log, device), seq in self._own_seqs.items()])
        self._db.executemany(
            "UPDATE accounts SET held_bytes = ? WHERE account = ?",
            [(account.held_bytes, account.row) for account in self._changed_accounts.values()],
        )
        for written in (self._rows, self._changed_logs, self._own_seqs, self._changed_accounts):
            written.clear()

    def _keep(self, log: _Log, account: _Account, entry: NewEntry) -> None:
        self._rows.append(row_of(log.row, log.last_seq, entry))
        self._changed_logs[log.row] = log
        self._changed_accounts[account.row] = account
        if entry.inbox is None:
            self._own_seqs[log.row, entry.author] = log.last_seq

    def _earlier_answers(self, entries: Iterable[NewEntry]) -> dict[_Row, int]:
        """The numbers that these message IDs got before, whether the entries are still here or not."""
        questions: list[_Row] = []
        for entry in entries:
            try:
                questions.append((entry.author, entry.message_id, self._place(entry).log.row))
            except RelayError:
                continue  # refused once more, when its turn comes
        return {row[:3]: row[3] for row in _in_portions(self._db, _ANSWERED, questions)}

    def _place(self, entry: NewEntry) -> _Place:
        key = (entry.author, entry.inbox or entry.log_id)
        place = self._places.get(key)
        if place is None:
            row = self._find_inbox(entry) if entry.inbox is not None else self._find_conversation(entry)
            log = self._logs.setdefault(row[0], _Log(*row[:5]))
            account = None if row[6] is None else self._accounts.setdefault(row[6], _Account(*row[6:]))
            place = self._places[key] = _Place(log, account, row[5] is not None)
        return place

    def _find_conversation(self, entry: NewEntry) -> _Row:
        row: _Row | None = self._db.execute(_CONVERSATION, (entry.author, entry.log_id)).fetchone()
        if row is None:
            raise UnknownLog
        return row

    def _find_inbox(self, entry: NewEntry) -> _Row:
        assert entry.inbox is not None
        owner = find_device(self._db, entry.inbox)
        row: _Row = self._db.execute(_INBOX, (entry.author, owner)).fetchone()
        return row

    def _check_allowed(self, place: _Place, entry: NewEntry) -> None:
        """Only a reader appends, and a commit only when its author has seen the last one; anyone to an inbox."""
        if entry.inbox is not None:
            self._check_inbox_quota(place.log, entry)
            return
        if not place.is_reader:
            if not entry.join_token:
                raise NotAReader
            rooms.check_token(self._db, place.log.row, entry.join_token)
        if place.log.held_until and is_held(place.log.held_until, entry.received_at_ms // 1000):
            raise Restoring(retry_after_s=RETRY_S)
        if entry.kind == COMMIT and entry.after_commit != place.log.last_commit_seq:
            raise CommitConflict(last_commit_seq=place.log.last_commit_seq)

    def _check_inbox_quota(self, log: _Log, entry: NewEntry) -> None:
        """An inbox holds so many entries and bytes, and so many entries of any one account."""
        self.write()
        waiting, own = self._db.execute(
            "SELECT count(*), count(*) FILTER (WHERE account = (SELECT account FROM devices WHERE device = ?))"
            " FROM entries JOIN devices ON device = author WHERE position BETWEEN ? AND ?",
            (entry.author, position(log.row, 0), position(log.row, MAX_SEQ)),
        ).fetchone()
        if own >= limits.MAX_INBOX_ENTRIES_PER_SENDER:
            raise QuotaExceeded(f"{limits.MAX_INBOX_ENTRIES_PER_SENDER} entries of each account may wait in an inbox")
        if waiting >= limits.MAX_INBOX_ENTRIES or log.held_bytes + len(entry.payload) > limits.MAX_INBOX_BYTES:
            raise QuotaExceeded("this inbox is full")

    def _change_readers(self, log: LogRow, entry: NewEntry, seq: int) -> tuple[DeviceRow, ...]:
        """Change the readers of a log, all or none of them; returns who was removed.

        A message that names its author only says that this one will go.
        """
        self.write()
        if entry.kind != COMMIT:
            readers.note_leaving(self._db, log, entry.author)
            return ()
        self._places.clear()
        self._db.execute("SAVEPOINT readers")
        try:
            # Now and not in ``write``: a commit may remove its author.
            self._db.execute(OWN_SEQ, (seq, log, entry.author))
            removed = readers.remove(self._db, log, entry.readers_removed, seq)
            if entry.readers_added:
                devices = [find_device(self._db, address) for address in entry.readers_added]
                readers.add(self._db, log, devices, seq, probation=bool(entry.join_token))
                readers.check_number(self._db, log)
            if entry.room is not None and entry.room.readers:
                removed += readers.settle(self._db, log, entry.room.readers, seq)
        except RelayError:
            self._db.execute("ROLLBACK TO readers")
            self._db.execute("RELEASE readers")
            raise
        self._db.execute("RELEASE readers")
        return removed


def _in_portions(db: sqlite3.Connection, statements: dict[int, str], rows: Sequence[_Row]) -> list[_Row]:
    """Run a statement over many rows, as few times as its sizes allow; returns what it selects."""
    found: list[_Row] = []
    start = 0
    for size in _ROWS_AT_ONCE:
        while len(rows) - start >= size:
            portion = rows[start : start + size]
            found += db.execute(statements[size], [value for row in portion for value in row]).fetchall()
            start += size
    return found


def _for_rows(statement: str, columns: int) -> dict[int, str]:
    """A statement for each number of rows that it may be given."""
    row = f"({', '.join('?' * columns)})"
    return {size: statement.replace("{rows}", ", ".join([row] * size)) for size in _ROWS_AT_ONCE}


_PLACE: Final = (
    "SELECT log, last_seq, last_commit_seq, logs.held_bytes, held_until,"
    " (SELECT 1 FROM readers WHERE readers.log = logs.log AND readers.device = ?1 AND end_seq IS NULL),"
    " accounts.account, accounts.held_bytes FROM logs"
    " LEFT JOIN devices AS author ON author.device = ?1 LEFT JOIN accounts ON accounts.account = author.account "
)
_CONVERSATION: Final = _PLACE + "WHERE log_id = ?2"
_INBOX: Final = _PLACE + "WHERE log = (SELECT inbox FROM devices WHERE device = ?2)"  # noqa: S608 - constants

_INSERT: Final = _for_rows(INTO + "{rows}", 7)
_ANSWERED: Final = _for_rows(
    "WITH asked (author, message_id, log) AS (VALUES {rows})"
    " SELECT asked.author, asked.message_id, asked.log, position & 4294967295 FROM asked CROSS JOIN entries"
    " ON entries.author = asked.author AND entries.message_id = asked.message_id AND position >> 32 = asked.log"
    " UNION ALL SELECT asked.author, asked.message_id, asked.log, seq FROM asked CROSS JOIN answers"
    " ON answers.author = asked.author AND answers.message_id = asked.message_id AND answers.log = asked.log",
    3,
)
