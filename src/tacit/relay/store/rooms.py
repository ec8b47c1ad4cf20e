"""Rooms: logs that whoever holds the room link may come into. What the relay keeps for newcomers is opaque to it.

The join token follows from the link's secret; the relay keeps its hash, and so can let in whoever shows it, but cannot
come in itself. A public room's link secret lies here too: whoever knows the room's name may have it.
"""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
from dataclasses import dataclass, field, replace
from typing import Final

from tacit import limits
from tacit.relay.store import readers
from tacit.relay.store.rows import DeviceRow, LogRow, NewEntry, RoomState, Session
from tacit.wire.errors import BadRequest, NoSuchRoom, QuotaExceeded, RoomLocked, RoomNameTaken


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a newcomer needs to make its commit."""

    log_id: bytes
    group_info: bytes = field(repr=False)
    last_commit_seq: int
    link_secret: bytes = field(repr=False)
    """Of a public room that was asked for by its name; empty otherwise."""
    stale: bool
    """The GroupInfo is of an earlier commit than the last one."""


@dataclass(frozen=True, slots=True)
class PublicRoom:
    """A room that anybody finds by its name."""

    name: str
    maker_id: bytes | None
    """Account ID; None when that account was deleted."""
    maker_handle: str
    created_at: int
    devices: int
    """How many read it."""
    locked: bool


def create(db: sqlite3.Connection, maker: Session, log: LogRow, room: RoomState) -> None:
    """Make a new log a room. Raises ``RoomNameTaken`` or ``QuotaExceeded``."""
    made = db.execute(
        "SELECT count(*) FROM rooms JOIN logs USING (log) JOIN devices ON maker = device WHERE account = ?",
        (maker.account,),
    ).fetchone()[0]
    if made >= limits.MAX_ROOMS_PER_ACCOUNT:
        raise QuotaExceeded(f"{limits.MAX_ROOMS_PER_ACCOUNT} rooms made by each account")
    if room.name and db.execute("SELECT 1 FROM rooms WHERE name = ?", (room.name,)).fetchone():
        raise RoomNameTaken
    db.execute(
        "INSERT INTO rooms (log, join_token_hash, group_info, name, link_secret) VALUES (?, ?, ?, ?, ?)",
        (log, room.join_token_hash, room.group_info, room.name or None, room.link_secret if room.name else None),
    )


def find(db: sqlite3.Connection, where: bytes | str, join_token: bytes, visitor: DeviceRow) -> LogRow:
    """A room by the ID of its log, with the join token, or a public one by its name.

    Into a locked one only those may look for whose reading it a member has vouched: they have lost their place in it.
    Raises ``NoSuchRoom``, for a wrong token too, or ``RoomLocked``.
    """
    row = db.execute(_BY_NAME if isinstance(where, str) else _BY_ID, (where,)).fetchone()
    if row is None:
        raise NoSuchRoom
    log, token_hash = row
    if not token_hash and isinstance(where, bytes) and readers.is_vouched_for(db, log, visitor):
        return LogRow(log)
    if not token_hash:
        raise RoomLocked
    if isinstance(where, bytes) and not fits(join_token, token_hash):
        raise NoSuchRoom
    return LogRow(log)


def look_in(db: sqlite3.Connection, where: bytes | str, join_token: bytes, visitor: DeviceRow) -> Entrance:
    """What is to be seen of a room through its door. Raises what ``find`` does."""
    log = find(db, where, join_token, visitor)
    log_id, group_info, last_commit_seq, link_secret, commit_seq = db.execute(
        "SELECT log_id, group_info, last_commit_seq, link_secret, commit_seq FROM rooms JOIN logs USING (log)"
        " WHERE log = ?",
        (log,),
    ).fetchone()
    secret = link_secret or b"" if isinstance(where, str) else b""
    return Entrance(log_id, group_info, last_commit_seq, secret, stale=commit_seq != last_commit_seq)


def is_room(db: sqlite3.Connection, log: LogRow) -> bool:
    """Whether a log is one."""
    return db.execute("SELECT 1 FROM rooms WHERE log = ?", (log,)).fetchone() is not None


def check_token(db: sqlite3.Connection, log: LogRow, join_token: bytes) -> None:
    """Raise ``RoomLocked`` or ``NoSuchRoom`` unless the token lets a newcomer in now."""
    row = db.execute("SELECT join_token_hash FROM rooms WHERE log = ?", (log,)).fetchone()
    if row is not None and not row[0]:
        raise RoomLocked
    if row is None or not fits(join_token, row[0]):
        raise NoSuchRoom


def check_change(db: sqlite3.Connection, log: LogRow, room: RoomState | None) -> None:
    """Raise ``BadRequest`` unless a commit carries what the relay keeps of a room, and of nothing else."""
    if is_room(db, log) != (room is not None and bool(room.group_info)):
        raise BadRequest("a commit in a room, and no other, brings the GroupInfo after it")


def weigh(db: sqlite3.Connection, log: LogRow, entry: NewEntry, room: RoomState) -> NewEntry:
    """A commit with what its author may change.

    A newcomer's word counts for itself, for those who are about to go, and for the GroupInfo. Whoever holds the link
    can come in with bytes that no member will take, and must not put the members out or change the link.
    """
    if not (entry.join_token or readers.is_on_probation(db, log, entry.author)):
        return entry
    token_hash, secret = db.execute("SELECT join_token_hash, link_secret FROM rooms WHERE log = ?", (log,)).fetchone()
    kept = replace(room, join_token_hash=token_hash, link_secret=secret or b"", readers=())
    added = entry.readers_added if entry.join_token else ()
    going = readers.leaving(db, log, entry.author)
    removed = tuple(address for address in entry.readers_removed if address in going)
    return replace(entry, room=kept, readers_added=added, readers_removed=removed)


def change(db: sqlite3.Connection, log: LogRow, room: RoomState, seq: int) -> None:
    """Keep what is there after a commit; a name stays."""
    db.execute(
        "UPDATE rooms SET group_info = ?, commit_seq = ?, join_token_hash = ?,"
        " link_secret = iif(name IS NULL, NULL, ?) WHERE log = ?",
        (room.group_info, seq, room.join_token_hash, room.link_secret or None, log),
    )


def public_rooms(db: sqlite3.Connection) -> list[PublicRoom]:
    """Every public room, by name."""
    rows = db.execute(
        "SELECT name, account_id, coalesce(handle, ''), logs.created_at,"
        " (SELECT count(*) FROM readers WHERE readers.log = rooms.log AND end_seq IS NULL),"
        " join_token_hash = x'' FROM rooms JOIN logs USING (log) LEFT JOIN devices ON device = maker"
        " LEFT JOIN accounts USING (account) WHERE name IS NOT NULL ORDER BY name"
    )
    return [
        PublicRoom(name, maker, handle, created_at, devices, bool(locked))
        for name, maker, handle, created_at, devices, locked in rows
    ]


def close(db: sqlite3.Connection, name: str) -> None:
    """Take the name of a public room away, and let nobody in until a member changes something there.

    Those who are in it go on. Raises ``NoSuchRoom``.
    """
    closed = db.execute(
        "UPDATE rooms SET name = NULL, link_secret = NULL, join_token_hash = x'' WHERE name = ?", (name,)
    )
    if closed.rowcount == 0:
        raise NoSuchRoom


def fits(join_token: bytes, token_hash: bytes) -> bool:
    """Whether a token is the one that was hashed."""
    return bool(token_hash) and hmac.compare_digest(hashlib.sha256(join_token).digest(), token_hash)


_ROOM: Final = "SELECT log, join_token_hash FROM rooms JOIN logs USING (log) "
_BY_ID: Final = _ROOM + "WHERE log_id = ?"
_BY_NAME: Final = _ROOM + "WHERE name = ?"
