"""Other accounts, each pinned at first sight."""

from __future__ import annotations

from typing import Any, Final

from tacit.client.model import Contact, ContactStatus
from tacit.client.store.database import Database

_SELECT: Final = "SELECT account_id, account_key, handle, name, status, verified_at, added_at FROM contact"


class ContactRows:
    """The contacts."""

    __slots__ = ()
    _db: Database

    def contact(self, account_id: bytes) -> Contact | None:
        """One contact by account ID."""
        row = self._db.one(f"{_SELECT} WHERE account_id = ?", (account_id,))
        return _contact(row) if row else None

    def contact_by_handle(self, handle: str) -> Contact | None:
        """The contact that was pinned under a handle; the earliest if there are several."""
        if not handle:
            return None
        row = self._db.one(f"{_SELECT} WHERE handle = ? ORDER BY added_at, account_id LIMIT 1", (handle,))
        return _contact(row) if row else None

    def contacts(self) -> list[Contact]:
        """Every contact, oldest first."""
        return [_contact(row) for row in self._db.all(f"{_SELECT} ORDER BY added_at, account_id")]

    def put_contact(self, c: Contact) -> None:
        """Write or replace a contact."""
        self._db.run(
            "INSERT OR REPLACE INTO contact (account_id, account_key, handle, name, status, verified_at, added_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (c.account_id, c.account_key, c.handle, c.name, c.status.value, c.verified_at, c.added_at),
        )


def _contact(row: tuple[Any, ...]) -> Contact:
    account_id, account_key, handle, name, status, verified_at, added_at = row
    return Contact(account_id, account_key, handle, name, ContactStatus(status), verified_at, added_at)
