"""Accounts and devices: listed, suspended, resumed, revoked, deleted; whoever is put out is out within the second."""

from __future__ import annotations

import re
from dataclasses import asdict
from functools import partial
from typing import Final

from tacit.identity import BadId, format_id, parse_handle, parse_id
from tacit.relay.admin import shapes
from tacit.relay.admin.desk import Desk
from tacit.relay.errors import AmbiguousId, BadNote
from tacit.relay.store import Tables, accounts, departures, maintenance, roster
from tacit.relay.store.inspect import HeldAccount, held_account
from tacit.relay.store.roster import HeldDevice, ListedAccount
from tacit.relay.store.rows import Account, DeviceRow
from tacit.relay.sweeping import clear_departed
from tacit.wire.errors import Closed, NoSuchAccount, NoSuchDevice

MAX_PAGE: Final = 1_000
MAX_NOTE_CHARS: Final = 200

SHORT_CHARS: Final = 13
"""Of an ID as people see it: twelve hex digits, which name one account among millions."""

_BEGINNING: Final = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,28}")
"""What is taken for the beginning of an ID; a handle that looks like one needs its @."""


async def users(desk: Desk, asked: shapes.Page) -> shapes.Users:
    """List accounts, a part at a time."""
    limit = max(1, min(asked.limit, MAX_PAGE))
    found = await desk.store.query(partial(roster.list_accounts, after=asked.after, limit=limit))
    return shapes.Users(tuple(map(_user, found)), found[-1].row if len(found) == limit else None)


async def held(desk: Desk, asked: shapes.Who) -> shapes.Held:
    """Everything that is kept for an account."""
    found = await desk.store.query(lambda db: held_account(db, find(db, asked.who).account_id))
    return _held(desk, found)


async def suspend(desk: Desk, asked: shapes.Suspension) -> shapes.Held:
    """Shut an account out until it is resumed. Raises ``BadNote``."""
    if len(asked.note) > MAX_NOTE_CHARS:
        raise BadNote
    now_s = desk.now_s()

    def change(db: Tables) -> Account:
        account = find(db, asked.who)
        departures.suspend(db, account.row, asked.note, now_s)
        return account

    account = await desk.change(change)
    if desk.live is not None:
        desk.live.context.sessions.shut_out_account(account.row)
    return await held(desk, shapes.Who(format_id(account.account_id)))


async def resume(desk: Desk, asked: shapes.Who) -> shapes.Held:
    """Let a suspended account in again."""

    def change(db: Tables) -> Account:
        account = find(db, asked.who)
        departures.resume(db, account.row)
        return account

    account = await desk.change(change)
    if desk.live is not None:
        desk.live.context.sessions.let_in_account(account.row)
    return await held(desk, shapes.Who(format_id(account.account_id)))


async def revoke_device(desk: Desk, asked: shapes.WhichDevice) -> shapes.Held:
    """Shut one device out for good. Raises ``NoSuchDevice``."""
    now_s = desk.now_s()

    def change(db: Tables) -> tuple[Account, DeviceRow]:
        account = find(db, asked.who)
        wanted = _device_id(db, account, asked.device)
        return account, accounts.revoke_device(db, account.row, wanted, now_s)

    account, device = await desk.change(change)
    if desk.live is not None:
        desk.live.context.sessions.shut_out(device)
    return await held(desk, shapes.Who(format_id(account.account_id)))


async def delete(desk: Desk, asked: shapes.Who) -> shapes.Deleted:
    """Take an account away, with all that is known of it."""
    now_s = desk.now_s()

    def change(db: Tables) -> tuple[Account, tuple[DeviceRow, ...]]:
        account = find(db, asked.who)
        return account, departures.delete(db, account.row, now_s)

    account, devices = await desk.change(change)
    if desk.live is not None:
        for device in devices:
            desk.live.context.sessions.shut_out(device, Closed.DELETED)
    await clear_departed(desk.store, now_s)
    left = await desk.store.query(partial(departures.entries_left, devices=devices))
    # The write-ahead log holds what the deleted pages were before.
    emptied = await maintenance.empty_log(desk.store_path)
    if not emptied and desk.live is not None:
        desk.live.context.log_to_be_emptied = True
    return shapes.Deleted(format_id(account.account_id), account.handle, len(devices), left, emptied)


def find(db: Tables, who: str) -> Account:
    """The account that an operator means. Raises ``NoSuchAccount``, ``AmbiguousId`` or ``BadHandle``."""
    text = who.strip().lower()
    try:
        return accounts.find_account(db, parse_id(text))
    except BadId:
        pass
    if _BEGINNING.fullmatch(text):
        ids = roster.account_ids(db, text.replace("-", ""), limit=2)
        if len(ids) > 1:
            raise AmbiguousId(text)
        if not ids:
            raise NoSuchAccount
        return accounts.find_account(db, ids[0])
    return accounts.find_account(db, parse_handle(text))


def _device_id(db: Tables, account: Account, text: str) -> bytes:
    beginning = text.strip().lower().replace("-", "")
    ids = [device.device_id for device in roster.held_devices(db, account.row)]
    found = [device_id for device_id in ids if len(beginning) >= 8 and device_id.hex().startswith(beginning)]
    if len(found) > 1:
        raise AmbiguousId(text)
    if not found:
        raise NoSuchDevice
    return found[0]


def _user(found: ListedAccount) -> shapes.User:
    account = format_id(found.account_id)
    return shapes.User(
        account=account,
        short=account[:SHORT_CHARS],
        handle=found.handle,
        state=_state(found.suspended_at),
        created_at=found.created_at,
        suspended_at=found.suspended_at,
        note=found.suspended_note,
        devices=found.devices,
        revoked_devices=found.revoked_devices,
        held_bytes=found.held_bytes,
    )


def _held(desk: Desk, found: HeldAccount) -> shapes.Held:
    return shapes.Held(
        account=format_id(found.account_id),
        handle=found.handle,
        state=_state(found.suspended_at),
        created_at=found.created_at,
        suspended_at=found.suspended_at,
        note=found.suspended_note,
        held_bytes=found.held_bytes,
        invite=found.invite_id,
        invite_used_at=found.invite_used_at,
        phone=found.phone,
        conversations_made=found.conversations_made,
        rooms=tuple(shapes.HeldRoom(**asdict(room)) for room in found.rooms),
        answers=found.answers,
        brought=found.brought,
        absent=found.absent,
        devices=tuple(_device(desk, device) for device in found.devices),
    )


def _device(desk: Desk, found: HeldDevice) -> shapes.Device:
    last_resort = "used" if found.last_resort_used else "unused" if found.last_resort else "none"
    return shapes.Device(
        device=format_id(found.device_id),
        created_at=found.created_at,
        certificate_expires_at=found.certificate_expires_at,
        revoked_at=found.revoked_at,
        connected=None if desk.live is None else found.row in desk.live.context.sessions,
        key_packages=found.key_packages,
        last_resort=last_resort,
        given_out=found.given_out,
        inbox_entries=found.inbox_entries,
        inbox_bytes=found.inbox_bytes,
        conversations=found.conversations,
        unread_entries=found.unread_entries,
        written_entries=found.written_entries,
    )


def _state(suspended_at: int | None) -> str:
    return "active" if suspended_at is None else "suspended"
