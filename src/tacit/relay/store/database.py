"""Opens the relay's SQLite file: durable or not at all, of this program or not at all, in the newest schema.

Holds pragmas and migrations. ``PRAGMA user_version`` counts the schema files that have been applied; each is applied in
one transaction with its number, so that a crash between two leaves a store that the next start completes.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from tacit.relay.errors import StoreForeign, StoreNewer, StoreNotDurable, StoreUnusable

FILE_NAME: Final = "relay.db"
APPLICATION_ID: Final = 0x74616369
"""Marks the file as ours in its header: "taci"."""

BUSY_TIMEOUT_S: Final = 10.0
"""How long one process waits for another's transaction: the relay for ``tacit relay invite`` and the reverse."""

SCHEMA_DIRECTORY: Final = Path(__file__).parent / "schema"
SYNCHRONOUS_FULL: Final = 2


def open_writer(path: Path | None) -> sqlite3.Connection:
    """The connection that writes; makes and migrates the store. Without a path it is in memory and leaves no file."""
    try:
        if path is not None:
            # Made here and not by SQLite, which would ask the umask; its other files take over the mode of this one.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        db = _connect(":memory:" if path is None else str(path))
    except (OSError, sqlite3.Error) as error:
        raise StoreUnusable from error
    try:
        _check_ours(db)
        _make_durable(db, in_memory=path is None)
        migrate(db)
    except sqlite3.Error as error:
        db.close()
        raise (StoreForeign if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB else StoreUnusable) from error
    except BaseException:
        db.close()
        raise
    return db


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection beside the writer that cannot change anything."""
    try:
        db = _connect(f"{path.absolute().as_uri()}?mode=rw")
        db.execute("PRAGMA query_only = ON")
        _check_ours(db)
    except sqlite3.Error as error:
        raise StoreUnusable from error
    return db


def migrate(db: sqlite3.Connection, directory: Path = SCHEMA_DIRECTORY) -> None:
    """Apply the schema files that the store has not seen; a store from a newer program is left alone."""
    files = sorted(directory.glob("[0-9]*.sql"))
    applied = int(db.execute("PRAGMA user_version").fetchone()[0])
    if applied > len(files):
        raise StoreNewer
    for number, file in enumerate(files[applied:], applied + 1):
        script = (
            f"BEGIN IMMEDIATE;\n{file.read_text(encoding='utf-8')}\n"
            f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {number};\nCOMMIT;"
        )
        try:
            db.executescript(script)
        except sqlite3.Error:
            if db.in_transaction:
                db.rollback()
            raise


def _connect(address: str) -> sqlite3.Connection:
    db = sqlite3.connect(
        address,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,  # opened by one thread, then handed to the one that uses it
        cached_statements=256,
        uri=address.startswith("file:"),
    )
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("PRAGMA temp_store = MEMORY")
    return db


def _check_ours(db: sqlite3.Connection) -> None:
    """Refuse a database that something else has made; an empty one is nobody's."""
    owner = int(db.execute("PRAGMA application_id").fetchone()[0])
    tables = int(db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if owner != APPLICATION_ID and tables:
        raise StoreForeign


def _make_durable(db: sqlite3.Connection, *, in_memory: bool) -> None:
    """Ask for a write-ahead log that is synced at every commit, and check that SQLite took it."""
    db.execute("PRAGMA secure_delete = ON")
    if in_memory:
        db.execute("PRAGMA journal_mode = MEMORY")
        return
    journal = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA fullfsync = ON")
    db.execute("PRAGMA checkpoint_fullfsync = ON")
    db.execute("PRAGMA journal_size_limit = 67108864")
    if journal != "wal" or db.execute("PRAGMA synchronous").fetchone()[0] != SYNCHRONOUS_FULL:
        raise StoreNotDurable
