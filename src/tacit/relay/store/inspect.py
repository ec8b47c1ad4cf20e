"""What an operator, or anyone they let look, can see of what the relay keeps: the declared columns, and one account.

Queries that change nothing and show sizes, counts and times, never payloads.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from tacit.relay.store import accounts, invites
from tacit.relay.store.columns import COLUMNS, Column
from tacit.relay.store.roster import HeldDevice, held_devices


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
    answers: int
    """Answers kept for repeats of what it appended."""
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
    made, answers = db.execute(
        "SELECT (SELECT count(*) FROM logs WHERE maker IN (SELECT device FROM devices WHERE account = ?1)),"
        " (SELECT count(*) FROM answers WHERE author IN (SELECT device FROM devices WHERE account = ?1))",
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
        answers=answers,
        devices=tuple(held_devices(db, account.row)),
    )
