"""One SQLCipher connection: opened with a raw key, checked, migrated, wrapped so that only ``StorageError`` comes out.

Knows SQL and files, nothing of chats. A connection serves one thread at a time. Every write is in the write-ahead log
and on the disk (``synchronous=FULL``) when a transaction ends without an error.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final

from sqlcipher3 import dbapi2 as sqlcipher

from tacit.client.store.errors import (
    StoreDamaged,
    StoreExists,
    StoreFailed,
    StoreFull,
    StoreMissing,
    StoreNewer,
    WrongPassphrase,
)
from tacit.crypto.secret import Secret
from tacit.errors import StorageError

KEY_SIZE: Final = 32
SCHEMA_VERSIONS: Final = ("0001", "0002", "0003", "0004")
"""Migrations in order; the number of those applied is the database's ``user_version``."""

_CACHED_STATEMENTS: Final = 256
_PLAIN_HEADER: Final = b"SQLite format 3\x00"
_PRIMARY_CODE: Final = 0xFF
"""SQLite's extended result codes carry the primary one in the low byte."""

_IO_ERROR: Final = 10
_ROOM_TO_OPEN: Final = 64 * 1024
"""Bytes: an index of the write-ahead log, and its first pages."""

_FAILURES: Final[dict[int, type[StorageError]]] = {
    11: StoreDamaged,  # SQLITE_CORRUPT
    13: StoreFull,  # SQLITE_FULL
    26: StoreDamaged,  # SQLITE_NOTADB
}


class Database:
    """An open, keyed connection."""

    __slots__ = ("_connection", "_path")

    def __init__(self, connection: Any, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    def create(cls, path: Path, key: Secret) -> Database:
        """Make a database at ``path``, which must not exist."""
        try:
            path.touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            raise StoreExists from None
        except OSError as error:
            raise StoreFailed(error.strerror or "") from error
        database = _connect(path, key)
        database._migrate()
        return database

    @classmethod
    def open(cls, path: Path, key: Secret) -> Database:
        """Open the database at ``path`` and bring its schema up to date.

        Raises ``WrongPassphrase`` when the key is not the one it was made with.
        """
        try:
            with path.open("rb") as file:
                header = file.read(len(_PLAIN_HEADER))
        except FileNotFoundError:
            raise StoreMissing from None
        except OSError as error:
            raise StoreFailed(error.strerror or "") from error
        if len(header) < len(_PLAIN_HEADER) or header == _PLAIN_HEADER:
            raise StoreDamaged
        database = _connect(path, key)
        database._migrate()
        return database

    def close(self) -> None:
        """Move the write-ahead log into the file and let go of it; closing twice is harmless."""
        if self._connection is not None:
            with contextlib.suppress(StorageError):
                self.checkpoint()
            self._connection.close()
            self._connection = None

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Execute one statement; returns the number of rows that it changed."""
        with _translated(self._path):
            return int(self._open.execute(sql, values).rowcount)

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute one statement once for each row of values."""
        with _translated(self._path):
            self._open.executemany(sql, rows)

    def insert(self, sql: str, values: Sequence[Any]) -> int:
        """Execute one INSERT; returns the row number."""
        with _translated(self._path):
            return int(self._open.execute(sql, values).lastrowid)

    def one(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """Fetch the first row of a query, or None."""
        with _translated(self._path):
            row: tuple[Any, ...] | None = self._open.execute(sql, values).fetchone()
            return row

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Fetch every row of a query."""
        with _translated(self._path):
            rows: list[tuple[Any, ...]] = self._open.execute(sql, values).fetchall()
            return rows

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside happens, and is on the disk at the end, or nothing does. Transactions do not nest."""
        if self._open.in_transaction:
            raise RuntimeError("transactions do not nest")
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file and empty it, so that no overwritten secret waits there."""
        self.all("PRAGMA wal_checkpoint(TRUNCATE)")

    @property
    def schema_version(self) -> int:
        """How many migrations have been applied."""
        row = self.one("PRAGMA user_version")
        return int(row[0]) if row else 0

    @property
    def _open(self) -> Any:
        if self._connection is None:
            raise StoreFailed("the store is closed")
        return self._connection

    def _roll_back(self) -> None:
        """Undo what is under way; SQLite may have done so by itself after a full disk."""
        if self._connection is not None and self._connection.in_transaction:
            with contextlib.suppress(StorageError):
                self.run("ROLLBACK")

    def _migrate(self) -> None:
        version = self.schema_version
        if version > len(SCHEMA_VERSIONS):
            self.close()
            raise StoreNewer
        for number, name in enumerate(SCHEMA_VERSIONS[version:], start=version + 1):
            with self.transaction():
                for statement in _statements(name):
                    self.run(statement)
                self.run(f"PRAGMA user_version = {number}")


def _connect(path: Path, key: Secret) -> Database:
    """Open, key and check a connection."""
    with _translated(path):
        connection = sqlcipher.connect(
            str(path),
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_CACHED_STATEMENTS,
            timeout=0,
        )
    try:
        _prepare(connection, key, path)
    except BaseException:
        connection.close()
        raise
    return Database(connection, path)


def _prepare(connection: Any, key: Secret, path: Path) -> None:
    execute = connection.execute
    with _translated(path):
        # Plain SQLite ignores PRAGMA key without a word; only SQLCipher answers this one.
        if not execute("PRAGMA cipher_version").fetchone():
            raise StoreFailed("this build of SQLite cannot encrypt")
        execute("PRAGMA cipher_log_level = NONE")
        execute(f'PRAGMA key = "{_raw_key(key)}"')
    try:
        execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlcipher.DatabaseError as error:
        if _primary_code(error) == 26:
            raise WrongPassphrase from None
        raise _failure(error, path) from error
    with _translated(path):
        for pragma, expected in (
            ("journal_mode = WAL", "wal"),
            ("synchronous = FULL", None),
            ("foreign_keys = ON", None),
            ("secure_delete = ON", None),
            ("temp_store = MEMORY", None),
            ("trusted_schema = OFF", None),
        ):
            row = execute(f"PRAGMA {pragma}").fetchone()
            if expected is not None and (row is None or row[0] != expected):
                raise StoreFailed("the file system does not allow a write-ahead log")


def _raw_key(key: Secret) -> str:
    if len(key) != KEY_SIZE:
        raise ValueError(f"a store key has {KEY_SIZE} bytes")
    return f"x'{key.reveal().hex()}'"


def _statements(name: str) -> Iterator[str]:
    """Split a migration at the semicolons that end lines; nothing inside a statement ends a line with one."""
    script = (resources.files("tacit.client.store") / "schema" / f"{name}.sql").read_text("utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            yield statement


def _primary_code(error: Exception) -> int:
    return int(getattr(error, "sqlite_errorcode", None) or 0) & _PRIMARY_CODE


def _failure(error: Exception, path: Path) -> StorageError:
    code = _primary_code(error)
    if code == _IO_ERROR and _is_full(path):
        return StoreFull()
    return _FAILURES.get(code, StoreFailed)()


def _is_full(path: Path) -> bool:
    """Whether there is no room for the files beside the store; SQLite calls that an I/O error."""
    try:
        return shutil.disk_usage(path.parent).free < _ROOM_TO_OPEN
    except OSError:
        return False


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlcipher.DatabaseError as error:
        raise _failure(error, path) from error
    except OverflowError as error:
        raise StoreFailed("a number does not fit a column") from error
