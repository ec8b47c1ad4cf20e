"""Brings a store to the newest schema: numbered files, each in one transaction, with a copy of the store before.

``PRAGMA user_version`` counts the schema files that have been applied. A file and its number go into one transaction,
so an interruption at any statement leaves the store as it was, and the next start tries again. Only the relay itself
migrates, under the lock of its folder: another process would do it under the feet of a relay of an older version.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tacit.relay.errors import StoreNewer, StoreOlder

APPLICATION_ID: Final = 0x74616369
"""Marks the file as ours in its header: "taci"."""

SCHEMA_DIRECTORY: Final = Path(__file__).parent / "schema"


def version(db: sqlite3.Connection) -> int:
    """The schema of a store, 0 for an empty one."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: sqlite3.Connection, directory: Path = SCHEMA_DIRECTORY, *, path: Path | None = None) -> None:
    """Apply the schema files that the store has not seen; a store from a newer program is left alone.

    A store at ``path`` that holds something is copied before, into ``<name>.before-<number>.db`` beside it.
    """
    files = _files(directory)
    applied = version(db)
    if applied > len(files):
        raise StoreNewer
    if path is not None and 0 < applied < len(files):
        copy_store(db, path.with_name(f"{path.stem}.before-{applied + 1}.db"))
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


def check_current(db: sqlite3.Connection) -> None:
    """Refuse a store that this program would have to migrate first, or cannot."""
    if is_newer(db):
        raise StoreNewer
    if version(db) < len(_files(SCHEMA_DIRECTORY)):
        raise StoreOlder


def is_newer(db: sqlite3.Connection) -> bool:
    """Whether a newer program has written a store."""
    return version(db) > len(_files(SCHEMA_DIRECTORY))


def drop_snapshots(path: Path, made_before_s: float) -> int:
    """Delete what migrations of the store at ``path`` copied before a time: it holds what was dropped since.

    Returns how many.
    """
    old = [copy for copy in path.parent.glob(f"{path.stem}.before-*.db") if copy.stat().st_mtime < made_before_s]
    for copy in old:
        copy.unlink()
    return len(old)


def copy_store(db: sqlite3.Connection, target: Path, finish: Callable[[Path], None] | None = None) -> None:
    """Write what a store holds at this moment into a file of its own, in the place of any earlier one.

    Takes one read transaction, so writers go on; after a crash the file is there whole or not at all. ``finish`` may
    change the copy before it gets its name.
    """
    unfinished = target.with_name(f"{target.name}.new")
    unfinished.unlink(missing_ok=True)
    # Made here, so that nobody else can read it; SQLite would ask the umask.
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        db.execute("VACUUM INTO ?", (str(unfinished),))
        if finish is not None:
            finish(unfinished)
        sync(unfinished)
        unfinished.rename(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync(target.parent)


def sync(path: Path) -> None:
    """Bring a file, or the names in a directory, to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _files(directory: Path) -> list[Path]:
    return sorted(directory.glob("[0-9]*.sql"))
