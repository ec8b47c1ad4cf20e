"""Opens the relay's SQLite file: durable or not at all, of this program or not at all, in the newest schema.

Holds pragmas; how a store comes to the newest schema is in ``migrations``.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from tacit.errors import StorageError
from tacit.relay.errors import NoStore, StoreDamaged, StoreForeign, StoreNotDurable, StoreUnusable
from tacit.relay.store.damage import entry_checksum
from tacit.relay.store.migrations import APPLICATION_ID, check_current, migrate, sync

FILE_NAME: Final = "relay.db"

BUSY_TIMEOUT_S: Final = 10.0
"""How long one process waits for another's transaction: the relay for ``tacit relay invite`` and the reverse."""

SYNCHRONOUS_FULL: Final = 2

REWRITE_BYTES: Final = 1 << 20
"""How much of the log is held while it is written again."""

_WHAT_IS_WRONG: Final[dict[int, type[StorageError]]] = {
    sqlite3.SQLITE_NOTADB: StoreForeign,
    sqlite3.SQLITE_CORRUPT: StoreDamaged,
}
"""By SQLite's primary result code; all else is the disk's."""


def open_writer(path: Path | None, *, may_migrate: bool = True) -> sqlite3.Connection:
    """The connection that writes; makes and migrates the store. Without a path it is in memory and leaves no file.

    Who does not hold the lock of the folder may not migrate, and gets ``StoreOlder``.
    """
    with opening(), ExitStack() as unless_opened:
        if path is not None:
            # Made here and not by SQLite, which would ask the umask; its other files take over the mode of this one.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        db = connect(":memory:" if path is None else str(path))
        unless_opened.callback(db.close)
        _check_ours(db)
        _make_durable(db, in_memory=path is None)
        if may_migrate:
            with suppress(sqlite3.Error):  # whoever writes tries again before; what there is can be read meanwhile
                settle(db)
            migrate(db, path=path)
        else:
            check_current(db)
        unless_opened.pop_all()
    return db


@contextmanager
def opening() -> Iterator[None]:
    """Say of a store that cannot be opened what is wrong with it, as a ``StorageError``."""
    try:
        yield
    except UnicodeDecodeError as error:  # of a schema that was hit, which SQLite quotes
        raise StoreDamaged from error
    except sqlite3.Error as error:
        primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
        raise _WHAT_IS_WRONG.get(primary, StoreUnusable) from error
    except OSError as error:
        raise StoreUnusable from error


def settle(db: sqlite3.Connection) -> None:
    """Write the log of a store once more, as it is, and sync it. Raises ``sqlite3.Error``.

    Nothing may be answered before: an earlier relay's sync may have failed, and then what the log seems to hold is not
    on the disk, nor would anything be that follows it there. See ADR 18.
    """
    (path,) = (file for _, name, file in db.execute("PRAGMA database_list") if name == "main")
    if not path:
        return
    if db.in_transaction:
        db.rollback()
    db.execute("BEGIN IMMEDIATE")  # so that no other process writes into the log
    try:
        _write_again(Path(f"{path}-wal"))
        sync(Path(path).parent)
    except OSError as error:
        failed = sqlite3.OperationalError("the log cannot be written")
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        failed.sqlite_errorcode = sqlite3.SQLITE_FULL if full else sqlite3.SQLITE_IOERR
        failed.sqlite_errorname = "SQLITE_FULL" if full else "SQLITE_IOERR"
        raise failed from error
    finally:
        db.execute("ROLLBACK")


@contextmanager
def one_transaction(data_dir: Path) -> Iterator[sqlite3.Connection]:
    """The store of a relay that has been started before, perhaps beside it. Raises ``NoStore``, ``StoreUnusable``."""
    path = data_dir / FILE_NAME
    if not path.is_file():
        raise NoStore
    db = open_writer(path, may_migrate=False)
    try:
        db.execute("BEGIN IMMEDIATE")
        yield db
        db.execute("COMMIT")
    except sqlite3.Error as error:
        raise StoreUnusable from error
    finally:
        db.close()


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection beside the writer that cannot change anything, to a store of this program's schema."""
    db = open_beside(path)
    db.execute("PRAGMA query_only = ON")
    return db


def open_beside(path: Path) -> sqlite3.Connection:
    """A connection beside the writer, to a store of this program's schema."""
    with opening(), ExitStack() as unless_opened:
        db = connect(f"{path.absolute().as_uri()}?mode=rw")
        unless_opened.callback(db.close)
        _check_ours(db)
        check_current(db)
        unless_opened.pop_all()
    return db


def connect(address: str) -> sqlite3.Connection:
    """A plain connection, by path or URI; knows the functions that stores are written with."""
    db = sqlite3.connect(
        address,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,  # opened by one thread, then handed to the one that uses it
        cached_statements=256,
        uri=address.startswith("file:"),
    )
    try:
        db.create_function("entry_checksum", 6, entry_checksum, deterministic=True)
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA temp_store = MEMORY")
    except BaseException:
        db.close()
        raise
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


def _write_again(path: Path) -> None:
    """Write every byte of a file over itself, so that a sync brings what an earlier one has left behind."""
    if not path.exists():
        return
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        at = 0
        while chunk := os.pread(descriptor, REWRITE_BYTES, at):
            at += os.pwrite(descriptor, chunk, at)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
