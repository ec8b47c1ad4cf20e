"""What a restored relay may lack: the last entries of each log, the last Welcomes sent, what the inbox has brought.

All of it is ciphertext that the relay had, too. Entries that the log has to show again lie under numbers below zero.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final

from tacit import limits
from tacit.client.model import Aside, GroupId, KeptEntry, MessageId, OutboxRow
from tacit.client.store.database import Database
from tacit.client.store.rows import decode_pairs, encode_pairs

PRUNE_EVERY: Final = 128
"""Entries after which those that are too many go."""

PRUNE_EVERY_BYTES: Final = 256 * 1024

_INBOX_SEEN: Final = limits.MAX_INBOX_ENTRIES
_UNDER_WAY: Final = "state IN ('relayed', 'delivered')"
_HEARD: Final = "kind = 'text' AND state = 'received'"


class KeptRows:
    """The kept entries."""

    __slots__ = ()
    _db: Database

    def keep_entries(self, group_id: GroupId, entries: Iterable[KeptEntry], now: int) -> None:
        """Keep some more entries of a log, and from time to time let go of the oldest."""
        rows = [
            (
                group_id,
                e.seq,
                e.message_id,
                e.kind,
                e.payload,
                encode_pairs((e.author,) if e.author else ()),
                encode_pairs(e.readers_added),
                encode_pairs(e.readers_removed),
                e.head,
                now,
            )
            for e in entries
        ]
        self._db.run_many(
            "INSERT OR REPLACE INTO kept_entry (group_id, seq, message_id, kind, payload, author, readers_added,"
            " readers_removed, head, kept_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        last = rows[-1][1]
        if last // PRUNE_EVERY != (last - len(rows)) // PRUNE_EVERY or sum(len(r[4]) for r in rows) > PRUNE_EVERY_BYTES:
            self._prune(group_id, last)

    def has_first_entry(self, group_id: GroupId) -> bool:
        """Whether the very first entry of a log is kept: its reader has made the log."""
        return self._db.one("SELECT 1 FROM kept_entry WHERE group_id = ? AND seq IN (1, -1)", (group_id,)) is not None

    def set_aside(self, group_id: GroupId, after_seq: int) -> None:
        """Let the log show again what came after a number: entries, places of texts, running heads."""
        self._db.run("UPDATE OR IGNORE kept_entry SET seq = -seq WHERE group_id = ? AND seq > ?", (group_id, after_seq))
        # Of an earlier restore that was not got over, other entries may have these numbers.
        self._db.run("DELETE FROM kept_entry WHERE group_id = ? AND seq > ?", (group_id, after_seq))
        self._db.run(
            f"UPDATE message SET seq = -seq WHERE group_id = ? AND seq > ? AND {_UNDER_WAY}",  # noqa: S608
            (group_id, after_seq),
        )
        # Of what others said, too, so that receipts speak of places that the log has; no more than can be found again.
        self._db.run(
            f"UPDATE message SET seq = -seq WHERE group_id = ?1 AND seq > ?2 AND {_HEARD} AND row > coalesce("  # noqa: S608
            f"(SELECT row FROM message WHERE group_id = ?1 AND {_HEARD} ORDER BY row DESC LIMIT 1 OFFSET ?3), 0)",
            (group_id, after_seq, limits.ENTRIES_KEPT),
        )
        self._db.run("DELETE FROM head WHERE group_id = ? AND seq > ?", (group_id, after_seq))

    def found_again(self, group_id: GroupId, old_seq: int, seq: int) -> None:
        """Let an entry that was set aside, and the text in it, have the number under which the log shows it."""
        self._db.run(
            "UPDATE OR REPLACE kept_entry SET seq = ? WHERE group_id = ? AND seq = ?", (seq, group_id, -old_seq)
        )
        self._db.run("UPDATE message SET seq = ? WHERE group_id = ? AND seq = ? AND seq < 0", (seq, group_id, -old_seq))

    def drop_aside(self, group_id: GroupId, from_seq: int = 0) -> None:
        """Forget what the log will not show again, of what had this number or a later one."""
        self._db.run("DELETE FROM kept_entry WHERE group_id = ? AND seq < 0 AND seq <= ?", (group_id, -from_seq))

    def kept_after(self, group_id: GroupId, after_seq: int) -> list[KeptEntry]:
        """What is set aside of a log, or came after a number, in its order, with the numbers that it had."""
        rows = self._db.all(
            "SELECT abs(seq), message_id, kind, payload, author, readers_added, readers_removed, head FROM kept_entry"
            " WHERE group_id = ? AND (seq < 0 OR seq > ?) ORDER BY abs(seq)",
            (group_id, after_seq),
        )
        return [_kept(row) for row in rows]

    def all_aside(self) -> dict[GroupId, dict[MessageId, Aside]]:
        """What every log has still to show again."""
        found: dict[GroupId, dict[MessageId, Aside]] = {}
        for group_id, seq, message_id, payload, head in self._db.all(
            "SELECT group_id, -seq, message_id, payload, head FROM kept_entry INDEXED BY kept_entry_aside WHERE seq < 0"
        ):
            found.setdefault(group_id, {})[message_id] = Aside(seq, hashlib.sha256(payload).digest(), head)
        return found

    def drop_kept_before(self, kept_at: int) -> None:
        """Let go of what no relay would keep any more either."""
        self._db.run("DELETE FROM kept_entry WHERE kept_at < ?", (kept_at,))
        self._db.run("DELETE FROM kept_welcome WHERE kept_at < ?", (kept_at,))

    def keep_welcome(self, row: OutboxRow, now: int) -> None:
        """Keep a Welcome that went out, and let go of the oldest if they are too many."""
        account, device = row.inbox or (b"", b"")
        self._db.run(
            "INSERT OR REPLACE INTO kept_welcome (message_id, account_id, device_id, payload, kept_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (row.message_id, account, device, row.payload, now),
        )
        sizes = self._db.all("SELECT row, length(payload) FROM kept_welcome ORDER BY row DESC")
        last = _last_kept(sizes, limits.WELCOMES_KEPT, limits.WELCOME_BYTES_KEPT)
        self._db.run("DELETE FROM kept_welcome WHERE row < ?", (last,))

    def kept_welcomes(self) -> list[tuple[MessageId, tuple[bytes, bytes], bytes]]:
        """Message ID, inbox and payload of each Welcome that is kept, oldest first."""
        rows = self._db.all("SELECT message_id, account_id, device_id, payload FROM kept_welcome ORDER BY row")
        return [(message_id, (account, device), payload) for message_id, account, device, payload in rows]

    def was_in_inbox(self, message_id: bytes) -> bool:
        """Whether the inbox has brought this before."""
        return self._db.one("SELECT 1 FROM inbox_seen WHERE message_id = ?", (message_id,)) is not None

    def note_inbox(self, message_ids: Iterable[bytes]) -> None:
        """Remember what the inbox has brought, the latest at least."""
        self._db.run_many("INSERT OR IGNORE INTO inbox_seen (message_id) VALUES (?)", [(m,) for m in message_ids])
        self._db.run("DELETE FROM inbox_seen WHERE row <= (SELECT max(row) FROM inbox_seen) - ?", (_INBOX_SEEN,))

    def _prune(self, group_id: GroupId, last_seq: int) -> None:
        sizes = self._db.all(
            "SELECT seq, length(payload) FROM kept_entry WHERE group_id = ? AND seq > 0 ORDER BY seq DESC", (group_id,)
        )
        first = _last_kept(sizes, limits.ENTRIES_KEPT, limits.KEPT_BYTES)
        self._db.run("DELETE FROM kept_entry WHERE group_id = ? AND seq BETWEEN 1 AND ?", (group_id, first - 1))


def _last_kept(sizes: list[tuple[Any, ...]], count: int, size_bytes: int) -> int:
    """The last of these rows, newest first with their sizes, that is within the bounds; the first always is."""
    total, last = 0, int(sizes[0][0]) if sizes else 0
    for number, size in sizes[:count]:
        total += size
        if total > size_bytes and number != sizes[0][0]:
            break
        last = int(number)
    return last


def _kept(row: tuple[Any, ...]) -> KeptEntry:
    seq, message_id, kind, payload, author, added, removed, head = row
    authors = decode_pairs(author)
    return KeptEntry(
        seq=seq,
        message_id=message_id,
        kind=kind,
        payload=payload,
        author=authors[0] if authors else None,
        readers_added=decode_pairs(added),
        readers_removed=decode_pairs(removed),
        head=head,
    )
