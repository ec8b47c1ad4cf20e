"""Work on the store's file as a whole, beside whoever writes: checkpoints, space given back, sizes.

What changes the file opens a connection of its own; nothing here is for the event loop.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from tacit.relay.errors import StoreUnusable
from tacit.relay.store.database import open_beside

T = TypeVar("T")

WAIT_MS: Final = 2_000
"""How long a checkpoint waits for readers; writers wait meanwhile."""


@dataclass(frozen=True, slots=True)
class Files:
    """Sizes of the store's files, and of their disk."""

    store_bytes: int
    wal_bytes: int
    disk_free_bytes: int
    """Left for this user."""
    disk_bytes: int


async def in_thread(work: Callable[[Path], T], path: Path) -> T:
    """Do such work on a thread. Raises ``StoreUnusable``."""
    try:
        return await asyncio.to_thread(work, path)
    except (sqlite3.Error, OSError) as error:
        raise StoreUnusable from error


def checkpoint(path: Path) -> bool:
    """Bring the write-ahead log into the store and empty it; returns whether no reader was in the way."""
    with closing(open_beside(path)) as db:
        db.execute(f"PRAGMA busy_timeout = {WAIT_MS}")
        busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


async def empty_log(path: Path) -> bool:
    """Empty the write-ahead log, off the event loop; returns whether that could be done now."""
    try:
        return await in_thread(checkpoint, path)
    except StoreUnusable:
        return False


def vacuum(path: Path) -> None:
    """Write the store anew without what holds nothing; takes as much room as it, twice over."""
    with closing(open_beside(path)) as db:
        db.execute("PRAGMA synchronous = FULL")
        db.execute("VACUUM")


def files(path: Path) -> Files:
    """How large the files are, and how much room they have; a disk may take its time to tell."""
    disk = os.statvfs(path.parent)
    return Files(
        store_bytes=_size(path),
        wal_bytes=_size(path.with_name(f"{path.name}-wal")),
        disk_free_bytes=disk.f_bavail * disk.f_frsize,
        disk_bytes=disk.f_blocks * disk.f_frsize,
    )


def reusable_bytes(db: sqlite3.Connection) -> int:
    """What of the store holds nothing."""
    pages, page_bytes = (int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("freelist_count", "page_size"))
    return pages * page_bytes


def contents(db: sqlite3.Connection) -> tuple[int, dict[str, int]]:
    """How many accounts there are, those aside of which only last entries are left, and what waits in all logs."""
    accounts, held_bytes = db.execute(
        "SELECT count(*) FILTER (WHERE deleted_at IS NULL), ifnull(sum(held_bytes), 0) FROM accounts"
    ).fetchone()
    return int(accounts), {"held_bytes": int(held_bytes), "store_unused_bytes": reusable_bytes(db)}


def touch(db: sqlite3.Connection) -> None:
    """Change nothing, but so that it has to be written."""
    db.execute("UPDATE relay SET incarnation = incarnation")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
