"""Where things lie: from the IDs that clients know to the rows and positions of this file."""

from __future__ import annotations

import sqlite3

from tacit.relay.store.rows import DeviceAddress, DeviceRow, LogRow, Session
from tacit.wire.errors import NoSuchAccount, NoSuchDevice


def find_log(db: sqlite3.Connection, session: Session, log_id: bytes) -> LogRow | None:
    """The log that a device means by an ID: its own inbox by the device ID, else a conversation."""
    if log_id == session.device_id:
        row = db.execute("SELECT inbox FROM devices WHERE device = ?", (session.device,)).fetchone()
    else:
        row = db.execute("SELECT log FROM logs WHERE log_id = ?", (log_id,)).fetchone()
    return None if row is None else LogRow(row[0])


def find_device(db: sqlite3.Connection, address: DeviceAddress) -> DeviceRow:
    """A device that is not revoked. Raises ``NoSuchAccount`` or ``NoSuchDevice``."""
    row = db.execute(
        "SELECT device FROM accounts LEFT JOIN devices"
        " ON devices.account = accounts.account AND device_id = ? AND revoked_at IS NULL WHERE account_id = ?",
        (address.device_id, address.account_id),
    ).fetchone()
    if row is None:
        raise NoSuchAccount
    if row[0] is None:
        raise NoSuchDevice
    return DeviceRow(row[0])


def position(log: LogRow, seq: int) -> int:
    """Where an entry lies in ``entries``."""
    return (log << 32) + seq  # not "or": what follows the last number of a log is in no log twice
