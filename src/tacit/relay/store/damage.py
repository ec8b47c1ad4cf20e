"""Bit rot: what the disk gives back otherwise than it was written is noticed, counted, and never served.

An entry has a checksum, a KeyPackage its digest. Both guard against accidents; whoever can write the file can write
these too, and what an entry says is authenticated by its readers.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
import zlib
from collections.abc import Generator
from typing import Any, Final, NamedTuple

from tacit.relay.store import places
from tacit.relay.store.rows import NOBODY, DeviceRow, LogRow, StoredEntry

ENTRY: Final = "entry"
KEY_PACKAGE: Final = "key-package"

MAX_HOLE: Final = 10_000
"""Entries in a row that are reported as missing; a number that was hit itself can lie billions away from the others."""

_SEQ: Final = 0xFFFFFFFF
_HEAD: Final = struct.Struct(">qqqqq")
_PAYLOAD: Final = 0xFFFFFFFF
_ALL: Final = 0xFFFFFFFFFFFFFFFF


class Damage(NamedTuple):
    """How much of each kind is spoilt."""

    entries: int
    key_packages: int


def entry_checksum(
    position: int, author: int, message_id: bytes, kind: int, payload: bytes, received_at_ms: int
) -> int:
    """CRC-32 over all but the payload, the place included, in the upper half (31 bits), and over the payload."""
    head = zlib.crc32(message_id, zlib.crc32(_HEAD.pack(position, author, kind, received_at_ms, len(message_id))))
    return (head & 0x7FFFFFFF) << 32 | zlib.crc32(payload)


def read_entries(db: sqlite3.Connection, first: int, last: int) -> Generator[StoredEntry, None, None]:
    """The entries from one position to another; a spoilt one keeps what can be trusted, its number at least."""
    # The casts are for records whose type was hit: text that is no UTF-8 would end the whole query.
    rows = db.execute(
        "SELECT position, CAST(author AS INTEGER), CAST(message_id AS BLOB), CAST(kind AS INTEGER),"
        " CAST(payload AS BLOB), CAST(received_at_ms AS INTEGER), CAST(checksum AS INTEGER) FROM entries"
        " WHERE position BETWEEN ? AND ? ORDER BY position",
        (first, last),
    )
    for position, author, message_id, kind, payload, received_at_ms, checksum in rows:
        seq = position & 0xFFFFFFFF
        differs = _difference(checksum, position, author, message_id, kind, payload, received_at_ms)
        if differs == 0:
            yield StoredEntry(seq, DeviceRow(author), message_id, kind, payload, received_at_ms)
        elif differs <= _PAYLOAD:
            # Marked by ``room``: all bits of the checksum of nothing, which is 0, are the other way round.
            dropped = differs == _PAYLOAD and payload == b""
            yield StoredEntry(
                seq, DeviceRow(author), message_id, kind, b"", received_at_ms, damaged=not dropped, dropped=dropped
            )
        else:
            yield StoredEntry(seq, NOBODY, b"", 0, b"", 0, damaged=True)


def read_unbroken(db: sqlite3.Connection, first: int, last: int) -> Generator[StoredEntry, None, None]:
    """The entries of one log as ``read_entries`` has them, and a damaged one for each that lacks before another.

    Nothing but a disk takes an entry out of the middle: the tree of entries was hit where it branches.
    """
    expected = first & _SEQ
    for entry in read_entries(db, first, last):
        if entry.seq < expected:
            continue  # a branch that leads back
        if entry.seq - expected <= MAX_HOLE:
            yield from (StoredEntry(seq, NOBODY, b"", 0, b"", 0, damaged=True) for seq in range(expected, entry.seq))
        yield entry
        expected = entry.seq + 1


def is_intact_key_package(digest: bytes, key_package: Any) -> bool:
    """Whether a KeyPackage is the one that was published."""
    return isinstance(key_package, bytes) and hashlib.sha256(key_package).digest() == digest


def note(db: sqlite3.Connection, places: list[int], *, kind: str, now_s: int) -> int:
    """Remember what was found; returns how much of it is news."""
    return sum(
        db.execute("INSERT INTO damage VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (kind, place, now_s)).rowcount
        for place in places
    )


def note_entries(db: sqlite3.Connection, log: LogRow, seqs: list[int], now_s: int) -> int:
    """Remember spoilt entries of a log; returns how many of them are news."""
    return note(db, [places.position(log, seq) for seq in seqs], kind=ENTRY, now_s=now_s)


def found(db: sqlite3.Connection) -> Damage:
    """What has been found spoilt in serving."""
    counted = dict(db.execute("SELECT kind, count(*) FROM damage GROUP BY kind").fetchall())
    return Damage(counted.get(ENTRY, 0), counted.get(KEY_PACKAGE, 0))


def forget(db: sqlite3.Connection, found_before: int) -> int:
    """Forget what was found long ago; returns how much."""
    return db.execute("DELETE FROM damage WHERE found_at < ?", (found_before,)).rowcount


def _difference(checksum: Any, *fields: Any) -> int:
    """In which halves an entry does not agree with its checksum."""
    try:
        return (entry_checksum(*fields) ^ int(checksum)) & _ALL
    except (TypeError, struct.error):  # NULL where something was
        return _ALL
