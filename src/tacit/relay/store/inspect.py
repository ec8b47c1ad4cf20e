"""What an operator, or anyone they let look, can see of what the relay keeps: the declared columns, and one account.

Queries that change nothing and show sizes, counts and times, never payloads.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from tacit.relay.store import accounts, invites
from tacit.relay.store.columns import COLUMNS, Column
from tacit.relay.store.roster import HeldDevice, held_devices
from tacit.relay.store.rows import AccountRow


@dataclass(frozen=True, slots=True)
class HeldRoom:
    """What is kept of one room that an account made."""

    name: str
    """Of a public one; the relay knows no name of others."""
    created_at: int
    devices: int
    """How many read it."""
    locked: bool
    group_info_bytes: int
    """What newcomers are given."""
    entries: int


@dataclass(frozen=True, slots=True)
class HeldAccount:
    """What is kept for one account."""

    account_id: bytes
    account_key: bytes
    handle: str
    created_at: int
    suspended_at: int | None
    suspended_note: str
    held_bytes: int
    """What it wrote and others have not fetched, for its quota."""
    invite_id: str
    """The invitation that let it in, if that is still kept."""
    invite_used_at: int | None
    phone: str
    """``none``, ``proved``, or ``findable`` by others who are; the number itself is not kept."""
    conversations_made: int
    """Its rooms among them."""
    rooms: tuple[HeldRoom, ...]
    answers: int
    """Answers kept for repeats of what it appended."""
    brought: int
    """Entries that it brought back after a restore, remembered by their IDs."""
    absent: int
    """Devices of others that it said were missing after a restore."""
    devices: tuple[HeldDevice, ...]


def columns() -> tuple[Column, ...]:
    """Every column that a relay keeps, with its purpose and how long it is kept."""
    return COLUMNS


def held_account(db: sqlite3.Connection, who: bytes | str) -> HeldAccount:
    """Everything that is kept for an account, by its ID (bytes) or handle. Raises ``NoSuchAccount``."""
    account = accounts.find_account(db, who)
    created_at, suspended_at, note, held_bytes = db.execute(
        "SELECT created_at, suspended_at, suspended_note, held_bytes FROM accounts WHERE account = ?", (account.row,)
    ).fetchone()
    token_hash, used_at = db.execute(
        "SELECT token_hash, used_at FROM invite_uses WHERE account = ?", (account.row,)
    ).fetchone() or (b"", None)
    phone = db.execute("SELECT findable FROM phones WHERE account = ?", (account.row,)).fetchone()
    made, answers, brought, absent = db.execute(
        "SELECT (SELECT count(*) FROM logs WHERE maker IN (SELECT device FROM devices WHERE account = ?1)),"
        " (SELECT count(*) FROM answers WHERE author IN (SELECT device FROM devices WHERE account = ?1)),"
        " (SELECT count(*) FROM brought WHERE bringer = ?1), (SELECT count(*) FROM absent_readers WHERE bringer = ?1)",
        (account.row,),
    ).fetchone()
    return HeldAccount(
        account_id=account.account_id,
        account_key=account.account_key,
        handle=account.handle,
        created_at=created_at,
        suspended_at=suspended_at,
        suspended_note=note,
        held_bytes=held_bytes,
        invite_id=invites.invite_id(token_hash),
        invite_used_at=used_at,
        phone="none" if phone is None else "findable" if phone[0] else "proved",
        conversations_made=made,
        rooms=tuple(_rooms(db, account.row)),
        answers=answers,
        brought=brought,
        absent=absent,
        devices=tuple(held_devices(db, account.row)),
    )


def _rooms(db: sqlite3.Connection, maker: AccountRow) -> Iterator[HeldRoom]:
    """The rooms that an account made, the oldest first."""
    rows = db.execute(
        """
        SELECT coalesce(name, ''), logs.created_at,
            (SELECT count(*) FROM readers r WHERE r.log = logs.log AND end_seq IS NULL),
            join_token_hash = x'', length(group_info),
            (SELECT count(*) FROM entries WHERE position BETWEEN logs.log << 32 AND (logs.log << 32) + 4294967295)
        FROM rooms JOIN logs USING (log) WHERE maker IN (SELECT device FROM devices WHERE account = ?)
        ORDER BY logs.created_at, logs.log
        """,
        (maker,),
    )
    for name, created_at, devices, locked, group_info_bytes, entries in rows:
        yield HeldRoom(name, created_at, devices, bool(locked), group_info_bytes, entries)
