"""KeyPackages: a one-time one leaves the store once and for good; a last-resort one stays and says that it was used."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable

from tacit import limits
from tacit.limits import MAX_KEY_PACKAGES_PER_DEVICE
from tacit.relay.store import damage
from tacit.relay.store.rows import AccountRow, ClaimedKeys, DeviceRow, KeyPackageCount, NewKeyPackage
from tacit.wire.errors import QuotaExceeded


def publish(
    db: sqlite3.Connection, device: DeviceRow, key_packages: Iterable[NewKeyPackage], now_s: int
) -> KeyPackageCount:
    """Add a device's KeyPackages; those that were here before, given out or not, change nothing."""
    for package in key_packages:
        digest = hashlib.sha256(package.key_package).digest()
        if package.last_resort:
            db.execute(
                "DELETE FROM key_packages WHERE device = ? AND suite = ? AND last_resort = 1 AND digest != ?",
                (device, package.suite, digest),
            )
        db.execute(
            "INSERT INTO key_packages (device, digest, suite, last_resort, key_package, expires_at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (device, digest, package.suite, package.last_resort, package.key_package, package.expires_at),
        )
    if _kept(db, device) > MAX_KEY_PACKAGES_PER_DEVICE:
        raise QuotaExceeded(f"{MAX_KEY_PACKAGES_PER_DEVICE} KeyPackages for each device")
    db.execute(
        "DELETE FROM key_packages WHERE device = ?1 AND digest IN (SELECT digest FROM key_packages"
        " WHERE device = ?1 AND key_package IS NULL ORDER BY expires_at DESC LIMIT -1 OFFSET ?2)",
        (device, limits.MAX_GIVEN_OUT_KEPT),
    )
    return count(db, device, now_s)


def count(db: sqlite3.Connection, device: DeviceRow, now_s: int) -> KeyPackageCount:
    """How many one-time KeyPackages are left, and whether the device should replace a last-resort one."""
    one_time = db.execute(
        "SELECT count(*) FROM key_packages WHERE device = ? AND last_resort = 0 AND given_out = 0 AND expires_at > ?",
        (device, now_s),
    ).fetchone()[0]
    used = db.execute(
        "SELECT EXISTS (SELECT 1 FROM key_packages WHERE device = ? AND last_resort = 1 AND given_out > 0)", (device,)
    ).fetchone()[0]
    return KeyPackageCount(one_time, bool(used))


def claim(
    db: sqlite3.Connection, account: AccountRow, suite: int, *, asking: DeviceRow, now_s: int
) -> tuple[ClaimedKeys, ...]:
    """Give out one KeyPackage of each device of an account, except of the one that asks.

    Revoked devices and those with an expired certificate are left out.
    """
    devices = db.execute(
        "SELECT device, device_id, certificate FROM devices"
        " WHERE account = ? AND device != ? AND revoked_at IS NULL AND certificate_expires_at > ? ORDER BY device",
        (account, asking, now_s),
    ).fetchall()
    return tuple(
        ClaimedKeys(device_id, certificate, _give_out(db, DeviceRow(device), suite, now_s))
        for device, device_id, certificate in devices
    )


def drop_expired(db: sqlite3.Connection, now_s: int, at_most: int) -> int:
    """Drop what has expired, and with it the memory of what was given out; returns how much, fewer when that is all."""
    return db.execute(
        "DELETE FROM key_packages WHERE rowid IN (SELECT rowid FROM key_packages WHERE expires_at <= ? LIMIT ?)",
        (now_s, at_most),
    ).rowcount


def _give_out(db: sqlite3.Connection, device: DeviceRow, suite: int, now_s: int) -> NewKeyPackage | None:
    """The next KeyPackage of a device; spoilt ones on the way are dropped."""
    while True:
        found = db.execute(
            "SELECT rowid, digest, CAST(key_package AS BLOB), last_resort, expires_at FROM key_packages"
            " WHERE device = ? AND suite = ? AND expires_at > ? AND key_package IS NOT NULL"
            " ORDER BY last_resort, expires_at LIMIT 1",
            (device, suite, now_s),
        ).fetchone()
        if found is None:
            return None
        row, digest, key_package, last_resort, expires_at = found
        intact = damage.is_intact_key_package(digest, key_package)
        # A one-time KeyPackage goes from the disk with the transaction that answers the claim.
        db.execute(
            "UPDATE key_packages SET given_out = given_out + 1, key_package = iif(last_resort AND ?, key_package, NULL)"
            " WHERE rowid = ?",
            (intact, row),
        )
        if intact:
            return NewKeyPackage(suite, key_package, bool(last_resort), expires_at)
        damage.note(db, [row], kind=damage.KEY_PACKAGE, now_s=now_s)


def _kept(db: sqlite3.Connection, device: DeviceRow) -> int:
    """KeyPackages of a device that take room, last-resort and expired ones included."""
    row = db.execute(
        "SELECT count(*) FROM key_packages WHERE device = ? AND key_package IS NOT NULL", (device,)
    ).fetchone()
    return int(row[0])
