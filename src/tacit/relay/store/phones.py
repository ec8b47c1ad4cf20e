"""Numbers that belong to accounts, as hashes under the relay's key, and what was sent to phones of late.

See ``relay.phone_numbers`` and ``relay.phone_sends``.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping

from tacit.limits import DAY_S, HOUR_S
from tacit.relay.store.rows import AccountRow
from tacit.wire.errors import NoSuchAccount, PhoneTaken


def is_taken(db: sqlite3.Connection, number: bytes) -> bool:
    """Whether a number belongs to an account."""
    return db.execute("SELECT 1 FROM phones WHERE phone_hash = ?", (number,)).fetchone() is not None


def take(db: sqlite3.Connection, account: AccountRow, number: bytes, *, findable: bool) -> None:
    """Give a number that was proved to a new account. Raises ``PhoneTaken``."""
    if is_taken(db, number):
        raise PhoneTaken
    db.execute("INSERT INTO phones (account, phone_hash, findable) VALUES (?, ?, ?)", (account, number, int(findable)))


def set_findable(db: sqlite3.Connection, account: AccountRow, number: bytes, *, findable: bool) -> None:
    """Let others find an account by its number, or no longer; of another number than its own nothing changes."""
    db.execute("UPDATE phones SET findable = ? WHERE account = ? AND phone_hash = ?", (int(findable), account, number))


def find(db: sqlite3.Connection, number: bytes, *, asking: AccountRow) -> bytes:
    """The ID of the account with a number, for one who may be found as well.

    Raises ``NoSuchAccount``, whether there is none or either of them does not want that.
    """
    row = db.execute(
        "SELECT account_id FROM phones JOIN accounts USING (account) WHERE phone_hash = ? AND findable"
        " AND EXISTS (SELECT 1 FROM phones WHERE account = ? AND findable)",
        (number, asking),
    ).fetchone()
    if row is None:
        raise NoSuchAccount
    return bytes(row[0])


def forget(db: sqlite3.Connection, account: AccountRow) -> None:
    """Let go of an account's number, which anybody may prove from now on."""
    db.execute("DELETE FROM phone_rests WHERE hash = (SELECT phone_hash FROM phones WHERE account = ?)", (account,))
    db.execute("DELETE FROM phones WHERE account = ?", (account,))


def note_sent(db: sqlite3.Connection, now_s: int, rests: Mapping[bytes, float]) -> None:
    """Count a message that is about to leave, and note in how many seconds its number and block are at rest."""
    forget_sent(db, now_s)
    db.execute(
        "INSERT INTO phone_sends (hour, messages) VALUES (?, 1)"
        " ON CONFLICT (hour) DO UPDATE SET messages = messages + 1",
        (now_s // HOUR_S,),
    )
    db.executemany(
        "INSERT INTO phone_rests (hash, rest_at) VALUES (?, ?)"
        " ON CONFLICT (hash) DO UPDATE SET rest_at = max(rest_at, excluded.rest_at)",
        [(key, now_s + math.ceil(left_s)) for key, left_s in rests.items()],
    )


def rests(db: sqlite3.Connection) -> dict[bytes, int]:
    """When each number and block that messages went to of late is as if none had, by its hash."""
    return dict(db.execute("SELECT hash, rest_at FROM phone_rests").fetchall())


def sent_by_hour(db: sqlite3.Connection) -> dict[int, int]:
    """How many messages were counted in each hour, by the number of that hour since 1970, the earliest first."""
    return dict(db.execute("SELECT hour, messages FROM phone_sends ORDER BY hour").fetchall())


def forget_sent(db: sqlite3.Connection, now_s: int) -> None:
    """Let go of hours whose last moment is a day old, and of numbers and blocks that are at rest."""
    db.execute("DELETE FROM phone_rests WHERE rest_at <= ?", (now_s,))
    db.execute("DELETE FROM phone_sends WHERE hour < ?", ((now_s - DAY_S) // HOUR_S,))
