"""Numbers that belong to accounts, as hashes under the relay's key. See ``relay.phone_numbers``."""

from __future__ import annotations

import sqlite3

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
    db.execute("DELETE FROM phones WHERE account = ?", (account,))
