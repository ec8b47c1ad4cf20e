"""MLS state as opaque rows, an own commit that waits for its echo, and the running heads.

Everything here is secret or depends on secrets, and is overwritten with zeros when it is replaced or deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tacit.client.model import GroupId
from tacit.client.store.database import Database
from tacit.limits import HEADS_KEPT


class GroupRows:
    """The state of each MLS group."""

    __slots__ = ()
    _db: Database

    def group_rows(self, group_id: GroupId) -> dict[bytes, bytes]:
        """All rows of a group; none when it has no state here."""
        return dict(self._db.all("SELECT key, value FROM group_row WHERE group_id = ?", (group_id,)))

    def change_group(self, group_id: GroupId, put: Mapping[bytes, bytes], drop: Iterable[bytes] = ()) -> None:
        """Write or replace some rows of a group and delete others."""
        self._db.run_many("DELETE FROM group_row WHERE group_id = ? AND key = ?", [(group_id, key) for key in drop])
        self._db.run_many(
            "INSERT OR REPLACE INTO group_row (group_id, key, value) VALUES (?, ?, ?)",
            [(group_id, key, value) for key, value in put.items()],
        )

    def put_group_expiry(self, group_id: GroupId, expires_at: int | None) -> None:
        """Note when some of a group's keys are to be deleted, if any are."""
        if expires_at is None:
            self._db.run("DELETE FROM group_expiry WHERE group_id = ?", (group_id,))
        else:
            self._db.run(
                "INSERT OR REPLACE INTO group_expiry (group_id, expires_at) VALUES (?, ?)", (group_id, expires_at)
            )

    def groups_with_expired_keys(self, now: int) -> list[GroupId]:
        """Groups that hold keys of past epochs for longer than they should."""
        rows = self._db.all("SELECT group_id FROM group_expiry WHERE expires_at <= ?", (now,))
        return [GroupId(row[0]) for row in rows]

    def pending_commit(self, group_id: GroupId) -> bytes | None:
        """The own commit that has not come back in the log yet."""
        row = self._db.one("SELECT state FROM pending_commit WHERE group_id = ?", (group_id,))
        return row[0] if row else None

    def put_pending_commit(self, group_id: GroupId, blob: bytes) -> None:
        """Write or replace the own commit that waits for its echo."""
        self._db.run("INSERT OR REPLACE INTO pending_commit (group_id, state) VALUES (?, ?)", (group_id, blob))

    def drop_pending_commit(self, group_id: GroupId) -> None:
        """Forget the own commit: it was merged, or another one won."""
        self._db.run("DELETE FROM pending_commit WHERE group_id = ?", (group_id,))

    def drop_group(self, group_id: GroupId) -> None:
        """Delete a group's keys, pending commit, heads, members and kept entries; history and conversation row stay."""
        self._db.run("DELETE FROM group_row WHERE group_id = ?", (group_id,))
        self._db.run("DELETE FROM group_expiry WHERE group_id = ?", (group_id,))
        self._db.run("DELETE FROM pending_commit WHERE group_id = ?", (group_id,))
        self._db.run("DELETE FROM head WHERE group_id = ?", (group_id,))
        self._db.run("DELETE FROM sender_progress WHERE group_id = ?", (group_id,))
        self._db.run("DELETE FROM kept_entry WHERE group_id = ?", (group_id,))

    def put_heads(self, group_id: GroupId, heads: Mapping[int, bytes]) -> None:
        """Remember the running heads after several entries, and forget those ``HEADS_KEPT`` entries ago and older."""
        self._db.run_many(
            "INSERT OR REPLACE INTO head (group_id, seq, head) VALUES (?, ?, ?)",
            [(group_id, seq, head) for seq, head in heads.items()],
        )
        self._db.run("DELETE FROM head WHERE group_id = ? AND seq <= ?", (group_id, max(heads) - HEADS_KEPT))

    def head_at(self, group_id: GroupId, seq: int) -> bytes | None:
        """The running head after an entry, None when it was never known or is no longer remembered."""
        row = self._db.one("SELECT head FROM head WHERE group_id = ? AND seq = ?", (group_id, seq))
        return row[0] if row else None
