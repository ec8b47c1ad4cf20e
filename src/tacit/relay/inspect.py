"""What an operator, or anyone they let look, can see of what the relay keeps: the declared columns, and one account.

Reads the store's file beside a running relay and changes nothing. Shows sizes and counts, never payloads.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tacit.relay.errors import NoStore
from tacit.relay.store import accounts
from tacit.relay.store.columns import COLUMNS, Column
from tacit.relay.store.database import FILE_NAME, open_reader
from tacit.relay.store.rows import AccountRow


@dataclass(frozen=True, slots=True)
class HeldDevice:
    """What is kept for one device."""

    device_id: bytes
    created_at: int
    certificate_expires_at: int
    revoked_at: int | None
    key_packages: int
    inbox_entries: int
    inbox_bytes: int
    conversations: int
    """Logs that it reads."""
    unread_entries: int
    """Entries of those logs that wait for it."""


@dataclass(frozen=True, slots=True)
class HeldAccount:
    """What is kept for one account."""

    account_id: bytes
    account_key: bytes
    handle: str
    created_at: int
    devices: tuple[HeldDevice, ...]


def columns() -> tuple[Column, ...]:
    """Every column that a relay keeps, with its purpose and how long it is kept."""
    return COLUMNS


def held_account(data_dir: Path, who: bytes | str) -> HeldAccount:
    """Everything that is kept for an account, by its ID (bytes) or handle. Raises ``NoStore`` or ``NoSuchAccount``."""
    path = data_dir / FILE_NAME
    if not path.is_file():
        raise NoStore
    with closing(open_reader(path)) as db:
        db.execute("BEGIN")
        account = accounts.find_account(db, who)
        created_at = db.execute("SELECT created_at FROM accounts WHERE account = ?", (account.row,)).fetchone()[0]
        devices = _held_devices(db, account.row)
        db.execute("COMMIT")
    return HeldAccount(account.account_id, account.account_key, account.handle, created_at, devices)


def _held_devices(db: sqlite3.Connection, account: AccountRow) -> tuple[HeldDevice, ...]:
    rows = db.execute(
        """
        SELECT device_id, created_at, certificate_expires_at, revoked_at,
            (SELECT count(*) FROM key_packages k WHERE k.device = d.device AND key_package IS NOT NULL),
            (SELECT count(*) FROM entries WHERE position BETWEEN inbox << 32 AND (inbox << 32) + 4294967295),
            (SELECT held_bytes FROM logs WHERE log = inbox),
            (SELECT count(DISTINCT log) FROM readers r WHERE r.device = d.device AND log != inbox),
            (SELECT count(*) FROM readers r JOIN entries ON position > (r.log << 32) + acked_seq
                AND position <= (r.log << 32) + coalesce(end_seq, 4294967295)
                WHERE r.device = d.device AND r.log != inbox)
        FROM devices d WHERE account = ? ORDER BY device
        """,
        (account,),
    )
    return tuple(HeldDevice(*row) for row in rows)
