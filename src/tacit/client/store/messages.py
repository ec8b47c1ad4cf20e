"""History: texts and notices, in the order in which they are shown."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from tacit.client.model import ChatId, GroupId, Message, MessageId, MessageKind, MessageState
from tacit.client.store.database import Database
from tacit.client.store.rows import decode_notice, encode_nicks, encode_notice
from tacit.limits import ENTRIES_KEPT

_SELECT: Final = (
    "SELECT row, id, chat_id, group_id, kind, state, sender, text, sent_at_ms, received_at_ms, seq, epoch, counter,"
    " notice, nick, notice_nicks FROM message"
)


class MessageRows:
    """The lines of history."""

    __slots__ = ()
    _db: Database

    def add_message(self, m: Message) -> Message:
        """Append a line; returns it with its row number. Its chat must be there and its ID new in that chat."""
        row = self._db.insert(
            "INSERT INTO message (id, chat_id, group_id, kind, state, sender, text, sent_at_ms, received_at_ms, seq,"
            " epoch, counter, notice, nick, notice_nicks) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                m.id,
                m.chat_id,
                m.group_id,
                m.kind.value,
                m.state.value,
                m.sender,
                m.text,
                m.sent_at_ms,
                m.received_at_ms,
                m.seq,
                m.epoch,
                m.counter,
                encode_notice(m.notice),
                m.nick,
                encode_nicks(m.notice),
            ),
        )
        return dataclasses.replace(m, row=row)

    def message_by_id(self, chat_id: ChatId, message_id: MessageId) -> Message | None:
        """One line by its content ID."""
        row = self._db.one(f"{_SELECT} WHERE chat_id = ? AND id = ?", (chat_id, message_id))
        return _message(row) if row else None

    def find_messages(self, message_id: MessageId) -> list[Message]:
        """Every line with a content ID, whatever its chat; a peer may have chosen an ID twice."""
        return [_message(row) for row in self._db.all(f"{_SELECT} WHERE id = ? ORDER BY row", (message_id,))]

    def has_content(self, chat_id: ChatId, message_id: MessageId) -> bool:
        """Whether a chat's history has a line with this content ID."""
        return self._db.one("SELECT 1 FROM message WHERE chat_id = ? AND id = ?", (chat_id, message_id)) is not None

    def set_message_state(
        self,
        chat_id: ChatId,
        message_id: MessageId,
        state: MessageState,
        *,
        group_id: GroupId | None = None,
        seq: int | None = None,
        epoch: int | None = None,
        counter: int | None = None,
    ) -> None:
        """Move a line to another state and note where it went; what is None stays as it is."""
        self._db.run(
            "UPDATE message SET state = ?, group_id = coalesce(?, group_id), seq = coalesce(?, seq),"
            " epoch = coalesce(?, epoch), counter = coalesce(?, counter) WHERE chat_id = ? AND id = ?",
            (state.value, group_id, seq, epoch, counter, chat_id, message_id),
        )

    def raise_message_states(self, group_id: GroupId, through_seq: int, state: MessageState) -> list[Message]:
        """Move own messages of a log up to an entry to DELIVERED or READ, never back; returns those that moved."""
        lower = {MessageState.DELIVERED: ("relayed",), MessageState.READ: ("relayed", "delivered")}[state]
        rows = self._db.all(
            f"{_SELECT} WHERE group_id = ? AND seq BETWEEN 1 AND ? AND state IN ('relayed', 'delivered') ORDER BY row",
            (group_id, through_seq),
        )
        moved = [dataclasses.replace(m, state=state) for m in map(_message, rows) if m.state.value in lower]
        self._db.run_many("UPDATE message SET state = ? WHERE row = ?", [(state.value, m.row) for m in moved])
        return moved

    def messages(self, chat_id: ChatId, limit: int, before_row: int | None = None) -> list[Message]:
        """The last ``limit`` lines of a chat before a row (of all, if None), in the order of display."""
        rows = self._db.all(
            f"{_SELECT} WHERE chat_id = ? AND row < coalesce(?, 9223372036854775807) ORDER BY row DESC LIMIT ?",
            (chat_id, before_row, limit),
        )
        return [_message(row) for row in reversed(rows)]

    def messages_after(self, after_row: int, limit: int) -> list[Message]:
        """The first ``limit`` lines of all chats after a row, in the order of display."""
        rows = self._db.all(f"{_SELECT} WHERE row > ? ORDER BY row LIMIT ?", (after_row, limit))
        return [_message(row) for row in rows]

    def last_message(self, chat_id: ChatId) -> Message | None:
        """The last line of a chat, None while it has no history."""
        row = self._db.one(f"{_SELECT} WHERE chat_id = ? ORDER BY row DESC LIMIT 1", (chat_id,))
        return _message(row) if row else None

    def last_text_seq(self, group_id: GroupId, through_row: int) -> int:
        """The last place in a log of a text of others up to a row of history, 0 if none: what a receipt says.

        After a restore of the relay the texts may lie there in another order than in history.
        """
        row = self._db.one(
            "SELECT max(seq) FROM (SELECT seq FROM message WHERE group_id = ? AND kind = 'text' AND state = 'received'"
            " AND row <= ? ORDER BY row DESC LIMIT ?)",
            (group_id, through_row, ENTRIES_KEPT),
        )
        return max(0, row[0]) if row and row[0] is not None else 0


def _message(row: tuple[Any, ...]) -> Message:
    number, message_id, chat_id, group_id, kind, state, *rest, notice, nick, nicks = row
    rest += [decode_notice(notice, nicks), nick]
    return Message(number, message_id, chat_id, group_id, MessageKind(kind), MessageState(state), *rest)
