"""What whoever runs the relay may list: accounts, their devices, and how much of everything there is.

Sizes, counts and times, never payloads. Deleted accounts are no accounts any more.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from tacit.relay.store.rows import AccountRow, DeviceRow


@dataclass(frozen=True, slots=True)
class ListedAccount:
    """One account in the list of all."""

    row: AccountRow
    account_id: bytes
    handle: str
    created_at: int
    suspended_at: int | None
    suspended_note: str
    held_bytes: int
    """What it wrote and others have not fetched."""
    devices: int
    revoked_devices: int


@dataclass(frozen=True, slots=True)
class HeldDevice:
    """What is kept for one device."""

    row: DeviceRow
    device_id: bytes
    created_at: int
    certificate_expires_at: int
    revoked_at: int | None
    key_packages: int
    """One-time KeyPackages that are left."""
    last_resort: int
    """Last-resort KeyPackages."""
    last_resort_used: int
    """How many of these have been given out."""
    given_out: int
    """One-time KeyPackages that were given out, of which the digest is kept."""
    inbox_entries: int
    inbox_bytes: int
    conversations: int
    """Logs that it reads."""
    unread_entries: int
    """Entries of those logs that wait for it."""
    written_entries: int
    """Entries that it wrote and that wait for others."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How much of everything there is."""

    accounts: int
    suspended: int
    deleted: int
    """Deleted accounts whose last entries are still waited for."""
    devices: int
    """Those that were not revoked."""
    conversations: int
    entries: int
    """Entries that wait for readers."""
    held_bytes: int
    """What these and their bookkeeping count for in the quotas of their authors."""
    key_packages: int
    invites: int
    oldest_entry_at_ms: int | None
    damaged: int
    """Entries and KeyPackages that the disk has spoilt, found in serving."""
    restored_at: int | None
    """When these data were put back from a backup, if they were."""


def list_accounts(db: sqlite3.Connection, after: int, limit: int) -> list[ListedAccount]:
    """Accounts whose number is above ``after``, by number, so many at most."""
    rows = db.execute(
        """
        SELECT account, account_id, coalesce(handle, ''), created_at, suspended_at, suspended_note, held_bytes,
            (SELECT count(*) FROM devices d WHERE d.account = a.account AND revoked_at IS NULL),
            (SELECT count(*) FROM devices d WHERE d.account = a.account AND revoked_at IS NOT NULL)
        FROM accounts a WHERE account > ? AND deleted_at IS NULL ORDER BY account LIMIT ?
        """,
        (after, limit),
    )
    return [ListedAccount(*row) for row in rows]


def account_ids(db: sqlite3.Connection, beginning: str, limit: int) -> list[bytes]:
    """The IDs of accounts that begin with these hex digits, so many at most."""
    rows = db.execute(
        "SELECT account_id FROM accounts WHERE substr(lower(hex(account_id)), 1, ?) = ? AND deleted_at IS NULL LIMIT ?",
        (len(beginning), beginning, limit),
    )
    return [account_id for (account_id,) in rows]


def held_devices(db: sqlite3.Connection, account: AccountRow) -> list[HeldDevice]:
    """The devices of an account with what is kept for each, the oldest first."""
    rows = db.execute(
        """
        SELECT device, device_id, created_at, certificate_expires_at, revoked_at,
            (SELECT count(*) FROM key_packages k WHERE k.device = d.device AND NOT last_resort
                AND key_package IS NOT NULL),
            (SELECT count(*) FROM key_packages k WHERE k.device = d.device AND last_resort),
            (SELECT count(*) FROM key_packages k WHERE k.device = d.device AND last_resort AND given_out > 0),
            (SELECT count(*) FROM key_packages k WHERE k.device = d.device AND key_package IS NULL),
            (SELECT count(*) FROM entries WHERE position BETWEEN inbox << 32 AND (inbox << 32) + 4294967295),
            (SELECT held_bytes FROM logs WHERE log = inbox),
            (SELECT count(DISTINCT log) FROM readers r WHERE r.device = d.device AND log != inbox),
            (SELECT count(*) FROM readers r JOIN entries ON position > (r.log << 32) + acked_seq
                AND position <= (r.log << 32) + coalesce(end_seq, 4294967295)
                WHERE r.device = d.device AND r.log != inbox),
            (SELECT count(*) FROM entries WHERE author = d.device)
        FROM devices d WHERE account = ? ORDER BY device
        """,
        (account,),
    )
    return [HeldDevice(*row) for row in rows]


def figures(db: sqlite3.Connection) -> Figures:
    """Count everything."""
    row = db.execute(
        """
        SELECT (SELECT count(*) FROM accounts WHERE deleted_at IS NULL),
            (SELECT count(*) FROM accounts WHERE suspended_at IS NOT NULL),
            (SELECT count(*) FROM accounts WHERE deleted_at IS NOT NULL),
            (SELECT count(*) FROM devices WHERE revoked_at IS NULL),
            (SELECT count(*) FROM logs WHERE log_id IS NOT NULL),
            (SELECT count(*) FROM entries),
            (SELECT coalesce(sum(held_bytes), 0) FROM accounts),
            (SELECT count(*) FROM key_packages WHERE key_package IS NOT NULL),
            (SELECT count(*) FROM invites WHERE revoked_at IS NULL),
            (SELECT min(received_at_ms) FROM entries),
            (SELECT count(*) FROM damage),
            (SELECT restored_at FROM relay)
        """
    ).fetchone()
    return Figures(*row)
