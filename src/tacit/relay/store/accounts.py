"""Accounts, their devices and handles. The first key seen for an ID stays, and so does a handle and a revocation."""

from __future__ import annotations

import sqlite3
from typing import Final

from tacit.limits import MAX_DEVICES_EVER_PER_ACCOUNT, MAX_DEVICES_PER_ACCOUNT
from tacit.relay.store import invites, phones, reading, returns
from tacit.relay.store.rows import (
    Account,
    AccountRow,
    DeviceAddress,
    DeviceRow,
    KnownDevice,
    LogRow,
    Needs,
    Registration,
    Session,
)
from tacit.wire.errors import (
    AccountSuspended,
    BadCertificate,
    BadSignature,
    DeviceRevoked,
    HandleFixed,
    HandleTaken,
    InviteNeeded,
    NoSuchAccount,
    NoSuchDevice,
    PhoneNeeded,
    QuotaExceeded,
)

_BY_ID: Final = "SELECT account, account_id, account_key, handle FROM accounts WHERE account_id = ?"
_BY_HANDLE: Final = "SELECT account, account_id, account_key, handle FROM accounts WHERE handle = ?"


def register(db: sqlite3.Connection, wish: Registration, *, needs: Needs, now_s: int) -> str:
    """Make the account and the device known; a repeat changes nothing. Returns the account's handle."""
    row = db.execute(
        "SELECT account, account_key, handle FROM accounts WHERE account_id = ?", (wish.account_id,)
    ).fetchone()
    if row is None:
        inbox = _add_inbox(db, now_s)
        account = _add_account(db, AccountRow(inbox), wish, needs, now_s)
        _add_device(db, account, inbox, wish, now_s)
        held = ""
    else:
        account, key, held = AccountRow(row[0]), row[1], row[2] or ""
        if key != wish.account_key:
            raise BadSignature
        check_not_suspended(db, account)
        if wish.own_phone is not None:
            phones.set_findable(db, account, wish.own_phone, findable=wish.findable)
        if not _has_device(db, account, wish):
            _add_device(db, account, _add_inbox(db, now_s), wish, now_s)
    return _take_handle(db, account, held, wish.handle)


def would_be_new(db: sqlite3.Connection, wish: Registration, *, needs: Needs, now_s: int) -> bool:
    """Whether this would make an account. Raises ``InviteNeeded`` or ``InviteInvalid`` when it would be refused.

    Where a number has to be proved, which costs money, ``HandleTaken`` comes before that.
    """
    if db.execute("SELECT 1 FROM accounts WHERE account_id = ?", (wish.account_id,)).fetchone() is not None:
        return False
    if needs.invite:
        invites.check(db, _invite(wish), now_s)
    if needs.phone and wish.handle:
        _check_free(db, wish.handle)
    return True


def known_device(db: sqlite3.Connection, account_id: bytes, device_id: bytes) -> KnownDevice:
    """What is needed to check a login. Raises ``NoSuchAccount`` or ``NoSuchDevice``."""
    account = find_account(db, account_id)
    row = db.execute(
        "SELECT device, device_key, revoked_at FROM devices WHERE account = ? AND device_id = ?",
        (account.row, device_id),
    ).fetchone()
    if row is None:
        raise NoSuchDevice
    return KnownDevice(
        session=Session(account.row, DeviceRow(row[0]), account_id, device_id),
        account_key=account.account_key,
        device_key=row[1],
        handle=account.handle,
        revoked=row[2] is not None,
        suspended=_is_suspended(db, account.row),
    )


def find_account(db: sqlite3.Connection, who: bytes | str) -> Account:
    """Look an account up by its ID (bytes) or by its handle (text). Raises ``NoSuchAccount``."""
    row = db.execute(_BY_HANDLE if isinstance(who, str) else _BY_ID, (who,)).fetchone()
    if row is None:
        raise NoSuchAccount
    return Account(AccountRow(row[0]), row[1], row[2], row[3] or "")


def look_up(db: sqlite3.Connection, who: bytes | str) -> tuple[Account, tuple[bytes, ...]]:
    """An account and the certificates of its devices, revoked ones left out. Raises ``NoSuchAccount``."""
    account = find_account(db, who)
    found = db.execute(
        "SELECT certificate FROM devices WHERE account = ? AND revoked_at IS NULL ORDER BY device", (account.row,)
    )
    return account, tuple(certificate for (certificate,) in found)


def check_not_suspended(db: sqlite3.Connection, account: AccountRow) -> None:
    """Raise ``AccountSuspended`` for an account that its operator has suspended."""
    if _is_suspended(db, account):
        raise AccountSuspended


def renew_certificate(
    db: sqlite3.Connection, device: DeviceRow, certificate: bytes, device_key: bytes, expires_at: int
) -> None:
    """Replace a device's certificate by another one over the same key."""
    changed = db.execute(
        "UPDATE devices SET certificate = ?, certificate_expires_at = ? WHERE device = ? AND device_key = ?",
        (certificate, expires_at, device, device_key),
    )
    if changed.rowcount == 0:
        raise BadCertificate


def revoke_device(db: sqlite3.Connection, account: AccountRow, device_id: bytes, now_s: int) -> DeviceRow:
    """Shut a device out for good, with all that waits for it; a repeat changes nothing. Raises ``NoSuchDevice``."""
    row = db.execute("SELECT device FROM devices WHERE account = ? AND device_id = ?", (account, device_id)).fetchone()
    if row is None:
        raise NoSuchDevice
    db.execute("UPDATE devices SET revoked_at = ? WHERE device = ? AND revoked_at IS NULL", (now_s, row[0]))
    db.execute("DELETE FROM key_packages WHERE device = ?", (row[0],))
    reading.forget_reader(db, DeviceRow(row[0]), now_s)
    return DeviceRow(row[0])


def _is_suspended(db: sqlite3.Connection, account: AccountRow) -> bool:
    found = db.execute("SELECT suspended_at IS NOT NULL FROM accounts WHERE account = ?", (account,)).fetchone()
    return bool(found and found[0])


def _add_inbox(db: sqlite3.Connection, now_s: int) -> LogRow:
    """The log for what others send to a new device; its number names the device too, and the account if that is new.

    Numbers of logs are never used again, so nothing that remembers one who was deleted can mean somebody else.
    """
    return LogRow(db.execute("INSERT INTO logs (created_at) VALUES (?) RETURNING log", (now_s,)).fetchone()[0])


def _add_account(
    db: sqlite3.Connection, account: AccountRow, wish: Registration, needs: Needs, now_s: int
) -> AccountRow:
    db.execute(
        "INSERT INTO accounts (account, account_id, account_key, created_at) VALUES (?, ?, ?, ?)",
        (account, wish.account_id, wish.account_key, now_s),
    )
    if needs.invite:
        invites.redeem(db, _invite(wish), account, now_s)
    if needs.phone:
        if wish.proved_phone is None:
            raise PhoneNeeded
        phones.take(db, account, wish.proved_phone, findable=wish.findable)
    return account


def _invite(wish: Registration) -> bytes:
    if wish.invite_hash is None:
        raise InviteNeeded
    return wish.invite_hash


def _has_device(db: sqlite3.Connection, account: AccountRow, wish: Registration) -> bool:
    """Whether the device is known already. Raises ``DeviceRevoked``, or ``QuotaExceeded`` where there is no room."""
    devices = db.execute("SELECT device_id, revoked_at FROM devices WHERE account = ?", (account,)).fetchall()
    for device_id, revoked_at in devices:
        if device_id == wish.device_id:
            if revoked_at is not None:
                raise DeviceRevoked
            return True
    in_use = sum(revoked_at is None for _, revoked_at in devices)
    if in_use >= MAX_DEVICES_PER_ACCOUNT or len(devices) >= MAX_DEVICES_EVER_PER_ACCOUNT:
        raise QuotaExceeded(f"{MAX_DEVICES_PER_ACCOUNT} devices for each account")
    return False


def _add_device(db: sqlite3.Connection, account: AccountRow, inbox: LogRow, wish: Registration, now_s: int) -> None:
    db.execute(
        "INSERT INTO devices"
        " (device, account, device_id, device_key, certificate, certificate_expires_at, inbox, created_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?1, ?7)",
        (inbox, account, wish.device_id, wish.device_key, wish.certificate, wish.certificate_expires_at, now_s),
    )
    db.execute("INSERT INTO readers (log, device, start_seq, acked_seq) VALUES (?1, ?1, 0, 0)", (inbox,))
    returns.take_in(db, DeviceRow(inbox), DeviceAddress(wish.account_id, wish.device_id))


def _take_handle(db: sqlite3.Connection, account: AccountRow, held: str, wanted: str) -> str:
    """Give the account its handle, once."""
    if not wanted or wanted == held:
        return held
    if held:
        raise HandleFixed(f"@{held}")
    _check_free(db, wanted)
    db.execute("UPDATE accounts SET handle = ? WHERE account = ?", (wanted, account))
    return wanted


def _check_free(db: sqlite3.Connection, handle: str) -> None:
    if db.execute("SELECT 1 FROM accounts WHERE handle = ?", (handle,)).fetchone() is not None:
        raise HandleTaken
