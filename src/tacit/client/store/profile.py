"""Who the store belongs to, and single values that belong to nobody else."""

from __future__ import annotations

from typing import Final

from tacit.client.model import Profile
from tacit.client.store.database import Database

_INBOX_CURSOR: Final = "inbox-cursor"


class ProfileRows:
    """The profile row and the named values."""

    __slots__ = ()
    _db: Database

    def profile(self) -> Profile | None:
        """Who this store belongs to; None before ``put_profile``."""
        row = self._db.one(
            "SELECT account_id, account_private, device_id, device_private, device_certificate, handle, relay_link,"
            " registered, receipts, created_at FROM profile"
        )
        if row is None:
            return None
        *who, registered, receipts, created_at = row
        fields = (*who, bool(registered), bool(receipts), created_at)
        return Profile(*fields)

    def put_profile(self, p: Profile) -> None:
        """Write or replace the profile."""
        self._db.run(
            "INSERT OR REPLACE INTO profile (only_row, account_id, account_private, device_id, device_private,"
            " device_certificate, handle, relay_link, registered, receipts, created_at)"
            " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                p.account_id,
                p.account_private,
                p.device_id,
                p.device_private,
                p.device_certificate,
                p.handle,
                p.relay_link,
                p.registered,
                p.receipts,
                p.created_at,
            ),
        )

    def meta(self, name: str) -> bytes | None:
        """A named value, None if there is none."""
        row = self._db.one("SELECT value FROM meta WHERE name = ?", (name,))
        return row[0] if row else None

    def put_meta(self, name: str, value: bytes) -> None:
        """Write or replace a named value."""
        self._db.run("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))

    def inbox_cursor(self) -> int:
        """Sequence number of the last inbox entry processed, 0 at first."""
        value = self.meta(_INBOX_CURSOR)
        return int.from_bytes(value, "big") if value else 0

    def put_inbox_cursor(self, seq: int) -> None:
        """Move the inbox cursor."""
        self.put_meta(_INBOX_CURSOR, seq.to_bytes(8, "big"))
