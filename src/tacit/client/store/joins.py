"""Rooms that this device has asked to come into; a row goes when the relay has taken the commit or refused it."""

from __future__ import annotations

from tacit.client.model import GroupId, JoinRow
from tacit.client.store.database import Database


class JoinRows:
    """The wishes to come in."""

    __slots__ = ()
    _db: Database

    def joins(self) -> list[JoinRow]:
        """Every wish, in the order of their making."""
        rows = self._db.all(
            "SELECT group_id, message_id, payload, after_commit, group_info, link_secret, group_state, incarnation,"
            " created_at FROM room_join ORDER BY created_at, group_id"
        )
        return [JoinRow(*row) for row in rows]

    def put_join(self, j: JoinRow) -> None:
        """Write a wish, in the place of an earlier one for the same room."""
        self._db.run(
            "INSERT OR REPLACE INTO room_join (group_id, message_id, payload, after_commit, group_info, link_secret,"
            " group_state, incarnation, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                j.group_id,
                j.message_id,
                j.payload,
                j.after_commit,
                j.group_info,
                j.link_secret,
                j.group,
                j.incarnation,
                j.created_at,
            ),
        )

    def drop_join(self, group_id: GroupId) -> None:
        """Forget a wish, and the keys that it would have led to."""
        self._db.run("DELETE FROM room_join WHERE group_id = ?", (group_id,))
