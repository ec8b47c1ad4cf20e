"""Sealed bytes on their way to the relay, in the order of sealing; a row never changes what it sends."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from tacit.client.model import GroupId, OutboxRow
from tacit.client.store.database import Database
from tacit.client.store.rows import decode_pairs, decode_room, encode_pairs, encode_room

_SELECT: Final = (
    "SELECT row, message_id, group_id, inbox_account, inbox_device, kind, payload, after_commit, readers_added,"
    " readers_removed, intent_row, content_id, room FROM outbox"
)


class OutboxRows:
    """The outbox."""

    __slots__ = ()
    _db: Database

    def add_outbox(self, o: OutboxRow) -> OutboxRow:
        """Append bytes to send; returns the row with its number."""
        account, device = o.inbox or (None, None)
        # Nothing is kept in appended_seq: a row goes when its entry comes back.
        row = self._db.insert(
            "INSERT INTO outbox (message_id, group_id, inbox_account, inbox_device, kind, payload, after_commit,"
            " readers_added, readers_removed, intent_row, content_id, appended_seq, room)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
            (
                o.message_id,
                o.group_id,
                account,
                device,
                o.kind,
                o.payload,
                o.after_commit,
                encode_pairs(o.readers_added),
                encode_pairs(o.readers_removed),
                o.intent_row,
                o.content_id,
                encode_room(o.room),
            ),
        )
        return dataclasses.replace(o, row=row)

    def outbox(self, group_id: GroupId | None = None) -> list[OutboxRow]:
        """Every row, or those of one log, oldest first."""
        if group_id is None:
            rows = self._db.all(f"{_SELECT} ORDER BY row")
        else:
            rows = self._db.all(f"{_SELECT} WHERE group_id = ? ORDER BY row", (group_id,))
        return [_outbox_row(row) for row in rows]

    def drop_outbox(self, row: int) -> None:
        """Delete a row: its echo was processed, or it will never be sent."""
        self._db.run("DELETE FROM outbox WHERE row = ?", (row,))

    def queued(self) -> int:
        """How many own messages and changes have not come back from the relay.

        An intent whose sealed bytes wait in the outbox counts once.
        """
        row = self._db.one(
            "SELECT (SELECT count(*) FROM intent WHERE row NOT IN (SELECT intent_row FROM outbox))"
            " + (SELECT count(*) FROM outbox)"
        )
        return int(row[0]) if row else 0


def _outbox_row(row: tuple[Any, ...]) -> OutboxRow:
    number, message_id, group_id, account, device, kind, payload, after_commit, added, removed, *rest = row
    intent_row, content_id, room = rest
    inbox = None if account is None else (account, device)
    readers = decode_pairs(added), decode_pairs(removed)
    return OutboxRow(
        number,
        message_id,
        group_id,
        inbox,
        kind,
        payload,
        after_commit,
        *readers,
        intent_row,
        content_id,
        decode_room(room),
    )
