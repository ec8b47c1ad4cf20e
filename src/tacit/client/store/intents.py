"""What a person asked for and the log has not confirmed yet, in the order of asking."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from tacit.client.model import ChatId, Intent, IntentKind
from tacit.client.store.database import Database
from tacit.client.store.rows import decode_blobs, encode_blobs

_SELECT: Final = "SELECT row, chat_id, kind, message_id, who, key_packages, text, attempts, created_at FROM intent"


class IntentRows:
    """The intents."""

    __slots__ = ()
    _db: Database

    def add_intent(self, intent: Intent) -> Intent:
        """Append an intent; returns it with its row number."""
        row = self._db.insert(
            "INSERT INTO intent (chat_id, kind, message_id, who, key_packages, text, attempts, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            _values(intent),
        )
        return dataclasses.replace(intent, row=row)

    def put_intent(self, intent: Intent) -> None:
        """Replace an intent that is there."""
        self._db.run(
            "UPDATE intent SET chat_id = ?, kind = ?, message_id = ?, who = ?, key_packages = ?, text = ?,"
            " attempts = ?, created_at = ? WHERE row = ?",
            (*_values(intent), intent.row),
        )

    def intent(self, row: int) -> Intent | None:
        """One intent by its row number."""
        found = self._db.one(f"{_SELECT} WHERE row = ?", (row,))
        return _intent(found) if found else None

    def intents(self, chat_id: ChatId | None = None) -> list[Intent]:
        """The intents of a chat, or all, oldest first."""
        if chat_id is None:
            rows = self._db.all(f"{_SELECT} ORDER BY row")
        else:
            rows = self._db.all(f"{_SELECT} WHERE chat_id = ? ORDER BY row", (chat_id,))
        return [_intent(row) for row in rows]

    def drop_intent(self, row: int) -> None:
        """Delete an intent: done, or no longer of any meaning."""
        self._db.run("DELETE FROM intent WHERE row = ?", (row,))


def _values(i: Intent) -> tuple[Any, ...]:
    return (
        i.chat_id,
        i.kind.value,
        i.message_id,
        encode_blobs(i.who),
        encode_blobs(i.key_packages),
        i.text,
        i.attempts,
        i.created_at,
    )


def _intent(row: tuple[Any, ...]) -> Intent:
    return Intent(row[0], row[1], IntentKind(row[2]), row[3], decode_blobs(row[4]), decode_blobs(row[5]), *row[6:])
