"""Chats, as a person sees them, and how many wait."""

from __future__ import annotations

from typing import Any, Final

from tacit.client.model import Chat, ChatId, ChatKind, ChatStatus
from tacit.client.store.database import Database

_SELECT: Final = "SELECT id, kind, status, title, peer, created_at, invited_by, read_through FROM chat"


class ChatRows:
    """The chats."""

    __slots__ = ()
    _db: Database

    def chat(self, chat_id: ChatId) -> Chat | None:
        """One chat by its ID."""
        row = self._db.one(f"{_SELECT} WHERE id = ?", (chat_id,))
        return _chat(row) if row else None

    def chats(self) -> list[Chat]:
        """Every chat, oldest first."""
        return [_chat(row) for row in self._db.all(f"{_SELECT} ORDER BY created_at, id")]

    def put_chat(self, c: Chat) -> None:
        """Write or replace a chat."""
        self._db.run(
            "INSERT INTO chat (id, kind, status, title, peer, created_at, invited_by, read_through)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET kind = excluded.kind,"
            " status = excluded.status, title = excluded.title, peer = excluded.peer,"
            " created_at = excluded.created_at, invited_by = excluded.invited_by, read_through = excluded.read_through",
            (c.id, c.kind.value, c.status.value, c.title, c.peer, c.created_at, c.invited_by, c.read_through),
        )

    def drop_chat(self, chat_id: ChatId) -> None:
        """Delete a chat that has never come about, with its lines and conversations; their keys are gone before."""
        self._db.run("DELETE FROM message WHERE chat_id = ?", (chat_id,))
        self._db.run("DELETE FROM intent WHERE chat_id = ?", (chat_id,))
        self._db.run("DELETE FROM conversation WHERE chat_id = ?", (chat_id,))
        self._db.run("DELETE FROM chat WHERE id = ?", (chat_id,))

    def unread(self, chat_id: ChatId) -> int:
        """How many texts of others have not been shown."""
        row = self._db.one(
            "SELECT count(*) FROM message WHERE chat_id = ? AND kind = 'text' AND state = 'received'"
            " AND row > (SELECT read_through FROM chat WHERE id = ?)",
            (chat_id, chat_id),
        )
        return int(row[0]) if row else 0


def _chat(row: tuple[Any, ...]) -> Chat:
    return Chat(row[0], ChatKind(row[1]), ChatStatus(row[2]), *row[3:])
