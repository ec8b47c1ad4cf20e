"""Invitations: known by the hash of their token only, and used up in the transaction that adds the account."""

from __future__ import annotations

import hashlib
import sqlite3

from tacit.relay.errors import NoSuchInvite
from tacit.relay.store.rows import AccountRow, Invite, InviteUse
from tacit.wire.errors import InviteInvalid

ID_CHARS = 12
"""Hex digits of the hash that name an invitation to its operator."""


def hash_token(token: str) -> bytes:
    """What is kept of an invitation's token; that is random, so one hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def create(db: sqlite3.Connection, token_hash: bytes, invite: Invite) -> None:
    """Keep a new invitation."""
    db.execute(
        "INSERT INTO invites (token_hash, note, uses, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
        (token_hash, invite.note, invite.uses, invite.created_at, invite.expires_at),
    )


def check(db: sqlite3.Connection, token_hash: bytes, now_s: int) -> None:
    """Raise ``InviteInvalid`` when the invitation is unknown, used up, revoked or too old."""
    usable = db.execute(
        "SELECT 1 FROM invites WHERE token_hash = ? AND used < uses AND revoked_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > ?)",
        (token_hash, now_s),
    ).fetchone()
    if usable is None:
        raise InviteInvalid


def redeem(db: sqlite3.Connection, token_hash: bytes, account: AccountRow, now_s: int) -> None:
    """Use an invitation once, for a new account. Raises ``InviteInvalid``."""
    check(db, token_hash, now_s)
    db.execute("UPDATE invites SET used = used + 1 WHERE token_hash = ?", (token_hash,))
    db.execute("INSERT INTO invite_uses (account, token_hash, used_at) VALUES (?, ?, ?)", (account, token_hash, now_s))


def revoke(db: sqlite3.Connection, wanted: str, now_s: int) -> Invite:
    """Make an invitation worthless; a repeat changes nothing. Raises ``NoSuchInvite``."""
    db.execute(
        "UPDATE invites SET revoked_at = ? WHERE substr(lower(hex(token_hash)), 1, ?) = ? AND revoked_at IS NULL",
        (now_s, ID_CHARS, wanted),
    )
    for invite in all_invites(db):
        if invite.id == wanted:
            return invite
    raise NoSuchInvite(wanted)


def all_invites(db: sqlite3.Connection) -> list[Invite]:
    """Every invitation that is kept, the oldest first."""
    rows = db.execute(
        "SELECT token_hash, note, uses, used, created_at, expires_at, revoked_at FROM invites"
        " ORDER BY created_at, token_hash"
    )
    return [Invite(invite_id(token_hash), *rest) for token_hash, *rest in rows]


def uses(db: sqlite3.Connection, wanted: str) -> list[InviteUse]:
    """Which accounts used an invitation, the first one first. Raises ``NoSuchInvite``."""
    if all(invite.id != wanted for invite in all_invites(db)):
        raise NoSuchInvite(wanted)
    rows = db.execute(
        "SELECT account_id, coalesce(handle, ''), used_at FROM invite_uses JOIN accounts USING (account)"
        " WHERE substr(lower(hex(token_hash)), 1, ?) = ? ORDER BY used_at, account",
        (ID_CHARS, wanted),
    )
    return [InviteUse(*row) for row in rows]


def drop_ended(db: sqlite3.Connection, ended_before: int) -> int:
    """Forget the invitations that ended before a time, and who used them; returns how many."""
    ended = "SELECT token_hash FROM invites WHERE coalesce(revoked_at, expires_at) < ?"
    db.execute(f"DELETE FROM invite_uses WHERE token_hash IN ({ended})", (ended_before,))  # noqa: S608
    return db.execute(f"DELETE FROM invites WHERE token_hash IN ({ended})", (ended_before,)).rowcount  # noqa: S608


def invite_id(token_hash: bytes) -> str:
    """What names an invitation to its operator, and opens nothing."""
    return token_hash.hex()[:ID_CHARS]
