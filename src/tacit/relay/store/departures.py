"""Accounts that are suspended, resumed or deleted at the word of whoever runs the relay.

A deleted account loses at once all that others could know it by: ID, key, handle, devices, KeyPackages, and which
invitation it used. Until others have fetched the last entry that it wrote, a row of numbers stays for these to lie
under; ``clear`` takes away what it read, and at last the numbers, in steps that hold nobody else up for long.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from tacit.relay.store import phones, reading, returns
from tacit.relay.store.rows import AccountRow, DeviceRow, LogRow

CLEAR_LOGS: Final = 32
"""Logs that one transaction of a deletion frees of a reader."""

_GONE: Final = "SELECT device FROM devices JOIN accounts USING (account) WHERE deleted_at IS NOT NULL"


def suspend(db: sqlite3.Connection, account: AccountRow, note: str, now_s: int) -> None:
    """Shut an account out until it is resumed; a repeat changes the note."""
    db.execute(
        "UPDATE accounts SET suspended_at = coalesce(suspended_at, ?), suspended_note = ? WHERE account = ?",
        (now_s, note, account),
    )


def resume(db: sqlite3.Connection, account: AccountRow) -> None:
    """Let a suspended account in again; of one that is not suspended nothing changes."""
    db.execute("UPDATE accounts SET suspended_at = NULL, suspended_note = '' WHERE account = ?", (account,))


def delete(db: sqlite3.Connection, account: AccountRow, now_s: int) -> tuple[DeviceRow, ...]:
    """Take away everything that an account is known by; returns its devices. ``clear`` does the rest."""
    devices = tuple(
        DeviceRow(row) for (row,) in db.execute("SELECT device FROM devices WHERE account = ?", (account,)).fetchall()
    )
    db.execute("DELETE FROM invite_uses WHERE account = ?", (account,))
    phones.forget(db, account)
    returns.forget_account(db, account)
    # IDs of 8 bytes: nobody is found by them, and no account or device has one.
    for device in devices:
        db.execute("DELETE FROM key_packages WHERE device = ?", (device,))
        db.execute("DELETE FROM answers WHERE author = ?", (device,))
        db.execute("UPDATE logs SET maker = NULL WHERE maker = ?", (device,))
        db.execute(
            "UPDATE devices SET device_id = ?, device_key = x'', certificate = x'', certificate_expires_at = 0,"
            " created_at = 0, revoked_at = 0 WHERE device = ?",
            (_stand_in(device), device),
        )
    db.execute(
        "UPDATE accounts SET account_id = ?, account_key = x'', handle = NULL, created_at = 0, suspended_at = NULL,"
        " suspended_note = '', deleted_at = ? WHERE account = ?",
        (_stand_in(account), now_s, account),
    )
    return devices


def clear(db: sqlite3.Connection, now_s: int) -> bool:
    """Take one step in clearing up after deleted accounts; returns whether there is more to do now."""
    reads = db.execute(
        f"SELECT log, readers.device FROM readers JOIN devices USING (device) WHERE device IN ({_GONE})"  # noqa: S608
        " AND log != inbox LIMIT ?",
        (CLEAR_LOGS,),
    ).fetchall()
    for log, device in reads:
        db.execute("DELETE FROM readers WHERE log = ? AND device = ?", (log, device))
        reading.drop_acknowledged(db, LogRow(log), now_s)
    if len(reads) == CLEAR_LOGS:
        return True
    for (device,) in db.execute(_GONE).fetchall():
        reading.forget_reader(db, DeviceRow(device), now_s)
    db.execute(f"DELETE FROM answers WHERE author IN ({_GONE})")  # noqa: S608
    # What was on its way to the disk when the account was deleted came behind ``delete``.
    db.execute(f"DELETE FROM key_packages WHERE device IN ({_GONE})")  # noqa: S608
    _drop_numbers(db)
    return False


def entries_left(db: sqlite3.Connection, devices: tuple[DeviceRow, ...]) -> int:
    """How many entries of these devices others have still to fetch."""
    return sum(
        int(db.execute("SELECT count(*) FROM entries WHERE author = ?", (device,)).fetchone()[0]) for device in devices
    )


def _drop_numbers(db: sqlite3.Connection) -> None:
    """Let go of the numbers of devices under which no entry lies any more, and of accounts without devices."""
    free = db.execute(
        f"{_GONE} AND NOT EXISTS (SELECT 1 FROM entries WHERE author = device)"  # noqa: S608
    ).fetchall()
    for (device,) in free:
        inbox = db.execute("SELECT inbox FROM devices WHERE device = ?", (device,)).fetchone()[0]
        db.execute("DELETE FROM readers WHERE device = ?", (device,))
        db.execute("DELETE FROM devices WHERE device = ?", (device,))
        db.execute("DELETE FROM logs WHERE log = ?", (inbox,))
    db.execute(
        "DELETE FROM accounts WHERE deleted_at IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM devices WHERE devices.account = accounts.account)"
    )


def _stand_in(number: int) -> bytes:
    """What stands where an ID was."""
    return number.to_bytes(8, "big")
