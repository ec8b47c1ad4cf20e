"""Copies of a store in a file of their own: made beside a running relay, read back, and made a store again.

A backup is marked as what it is, so that no relay can be started on it by mistake: only ``revive`` makes it a store,
and takes out what must not come back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from tacit.relay.errors import BackupDamaged, BackupFailed, NotABackup, StoreNewer
from tacit.relay.store import damage
from tacit.relay.store.database import connect, open_beside
from tacit.relay.store.migrations import APPLICATION_ID, copy_store, is_newer

BACKUP_ID: Final = 0x74616362
"""Marks a backup in its header: "tacb"."""

PROGRESS_STEPS: Final = 200_000
"""SQLite's steps between two looks at how far it has come; a few milliseconds."""

_ACCOUNTS: Final = "accounts"
_CONVERSATIONS: Final = "logs WHERE log_id IS NOT NULL"
_ENTRIES: Final = "entries"
_KEY_PACKAGES: Final = "key_packages WHERE key_package IS NOT NULL"
_COUNTED: Final = (_ACCOUNTS, _CONVERSATIONS, _ENTRIES, _KEY_PACKAGES)

Progress: TypeAlias = Callable[[str, float], None]
"""Told what is being done and how much of it is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a store holds, and how much of it is spoilt."""

    accounts: int
    conversations: int
    entries: int
    key_packages: int
    damaged_entries: int
    missing_entries: int
    damaged_key_packages: int
    met_entries: int
    """Damaged ones that readers have met since; reports are kept for the retention time."""
    met_key_packages: int
    problems: tuple[str, ...]
    """What SQLite says about its structure; empty where it is sound."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing at all is wrong."""
        return not (self.damaged_entries or self.missing_entries or self.damaged_key_packages or self.problems)


def copy(path: Path, target: Path, relay_key: bytes, made_at: int, progress: Progress) -> None:
    """Write what the store at ``path`` holds at this moment, and the relay key, into a new file."""
    with closing(open_beside(path)) as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        (page_bytes,) = db.execute("PRAGMA page_size").fetchone()

        def look() -> int:
            unfinished = target.with_name(f"{target.name}.new")
            done = unfinished.stat().st_size if unfinished.exists() else 0
            progress("copy", min(1.0, done / (pages * page_bytes)))
            return 0

        db.set_progress_handler(look, PROGRESS_STEPS)
        copy_store(db, target, finish=lambda unfinished: _mark(unfinished, relay_key, made_at))


def examine(db: sqlite3.Connection, progress: Progress) -> Contents:
    """Read everything in a store and compare it with its checksums."""
    problems: list[str] = []
    counts = dict.fromkeys(_COUNTED, 0)
    spoilt = missing = bad = 0
    met = damage.Damage(0, 0)
    try:
        problems = [line for (line,) in db.execute("PRAGMA integrity_check(20)") if line != "ok"]
        problems += sorted(
            {f"{table} refers to {parent}" for table, _, parent, _ in db.execute("PRAGMA foreign_key_check")}
        )
        met = damage.found(db)
        counts = {what: int(db.execute(f"SELECT count(*) FROM {what}").fetchone()[0]) for what in _COUNTED}  # noqa: S608
        for done, entry in enumerate(damage.read_entries(db, 0, 2**63 - 1), 1):
            spoilt += entry.damaged
            if done % 1000 == 0:
                progress("check", min(1.0, done / counts[_ENTRIES]))
        missing = max(0, db.execute("SELECT total(last_seq - dropped_seq) FROM logs").fetchone()[0] - counts[_ENTRIES])
        packages = db.execute(f"SELECT digest, CAST(key_package AS BLOB) FROM {_KEY_PACKAGES}")  # noqa: S608
        bad = sum(not damage.is_intact_key_package(digest, key_package) for digest, key_package in packages)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        problems.append(getattr(error, "sqlite_errorname", type(error).__name__))
    return Contents(
        accounts=counts[_ACCOUNTS],
        conversations=counts[_CONVERSATIONS],
        entries=counts[_ENTRIES],
        key_packages=counts[_KEY_PACKAGES],
        damaged_entries=spoilt,
        missing_entries=int(missing),
        damaged_key_packages=bad,
        met_entries=met.entries,
        met_key_packages=met.key_packages,
        problems=tuple(problems),
    )


@contextmanager
def open_backup(path: Path) -> Iterator[sqlite3.Connection]:
    """A backup, to be read. Raises ``NotABackup``, ``StoreNewer`` or ``BackupDamaged``."""
    try:
        with closing(connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1")) as db:
            _check_backup(db)
            yield db
    except sqlite3.Error as error:
        raise (NotABackup if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB else BackupDamaged) from error


@contextmanager
def writing() -> Iterator[None]:
    """Say of a disk that does not play along what it was used for."""
    try:
        yield
    except FileNotFoundError as error:
        raise BackupFailed("no such file or folder") from error
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed from error


def key_of(db: sqlite3.Connection) -> bytes:
    """The relay key in a backup."""
    return bytes(db.execute("SELECT relay_key FROM backup").fetchone()[0])


def revive(path: Path, incarnation: bytes, now_s: int) -> None:
    """Make a backup a store, in place, and begin a new incarnation.

    One-time KeyPackages may have been given out since: they stay known, so that they cannot be published again, and are
    gone. Last-resort ones count as used, so that their owners replace them.
    """
    with closing(connect(str(path))) as db:
        _check_backup(db)
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN IMMEDIATE")
        db.execute(
            "UPDATE key_packages SET given_out = given_out + 1, key_package = iif(last_resort, key_package, NULL)"
        )
        db.execute("UPDATE relay SET incarnation = ?, restored_at = ?", (incarnation, now_s))
        db.execute("DROP TABLE backup")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("COMMIT")


def _mark(path: Path, relay_key: bytes, made_at: int) -> None:
    with closing(connect(str(path))) as db:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("BEGIN IMMEDIATE")
        # Of people who asked for a code within the last hours, and perhaps never came.
        db.execute("DELETE FROM phone_rests")
        db.execute("CREATE TABLE backup (relay_key BLOB NOT NULL, made_at INTEGER NOT NULL) STRICT")
        db.execute("INSERT INTO backup VALUES (?, ?)", (relay_key, made_at))
        db.execute(f"PRAGMA application_id = {BACKUP_ID}")
        db.execute("COMMIT")


def _check_backup(db: sqlite3.Connection) -> None:
    if db.execute("PRAGMA application_id").fetchone()[0] != BACKUP_ID:
        raise NotABackup
    if is_newer(db):
        raise StoreNewer
