"""Conversations: the place reached in each log, and what was last seen of each member."""

from __future__ import annotations

from typing import Any, Final

from tacit.client.model import ChatId, Conversation, ConversationStatus, GroupId, SenderProgress
from tacit.client.store.database import Database

_SELECT: Final = (
    "SELECT group_id, chat_id, status, cursor, last_commit, own_last, own_counter, head, committed_at,"
    " joined_epoch, highest_epoch, in_doubt, incarnation, joined_seq, keys_from, link_secret FROM conversation"
)


class ConversationRows:
    """The conversations and the progress of their senders."""

    __slots__ = ()
    _db: Database

    def conversation(self, group_id: GroupId) -> Conversation | None:
        """One conversation by its group ID."""
        row = self._db.one(f"{_SELECT} WHERE group_id = ?", (group_id,))
        return _conversation(row) if row else None

    def conversations(self, chat_id: ChatId | None = None) -> list[Conversation]:
        """Every conversation, or those of one chat, smallest group ID first."""
        if chat_id is None:
            rows = self._db.all(f"{_SELECT} ORDER BY group_id")
        else:
            rows = self._db.all(f"{_SELECT} WHERE chat_id = ? ORDER BY group_id", (chat_id,))
        return [_conversation(row) for row in rows]

    def put_conversation(self, c: Conversation) -> None:
        """Write or replace a conversation; its chat must be there."""
        self._db.run(
            "INSERT OR REPLACE INTO conversation (group_id, chat_id, status, cursor, last_commit, own_last,"
            " own_counter, head, committed_at, joined_epoch, highest_epoch, in_doubt, incarnation,"
            " joined_seq, keys_from, link_secret) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                c.group_id,
                c.chat_id,
                c.status.value,
                c.cursor,
                c.last_commit,
                c.own_last,
                c.own_counter,
                c.head,
                c.committed_at,
                c.joined_epoch,
                c.highest_epoch,
                int(c.in_doubt),
                c.incarnation,
                c.joined_seq,
                c.keys_from,
                c.link_secret,
            ),
        )

    def sender_progress(self, group_id: GroupId) -> list[SenderProgress]:
        """What was last seen of each member device of a conversation."""
        rows = self._db.all(
            "SELECT account_id, device_id, counter, delivered_seq, read_seq FROM sender_progress"
            " WHERE group_id = ? ORDER BY account_id, device_id",
            (group_id,),
        )
        return [SenderProgress(*row) for row in rows]

    def put_sender_progress(self, group_id: GroupId, p: SenderProgress) -> None:
        """Write or replace what was last seen of one member device."""
        self._db.run(
            "INSERT OR REPLACE INTO sender_progress (group_id, account_id, device_id, counter, delivered_seq, read_seq)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (group_id, p.account_id, p.device_id, p.counter, p.delivered_seq, p.read_seq),
        )


def _conversation(row: tuple[Any, ...]) -> Conversation:
    return Conversation(row[0], row[1], ConversationStatus(row[2]), *(*row[3:11], bool(row[11]), *row[12:]))
