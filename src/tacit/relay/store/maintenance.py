"""Work on the store's file as a whole, beside whoever writes: checkpoints, space given back, sizes.

Each opens a connection of its own; nothing here is for the event loop.
"""

from __future__ import annotations

import asyncio
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
    """Sizes of the store's files, and what of the store holds nothing."""

    store_bytes: int
    wal_bytes: int
    reusable_bytes: int


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
    """How large the files are."""
    with closing(open_beside(path)) as db:
        pages, page_bytes = (
            int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("freelist_count", "page_size")
        )
    return Files(_size(path), _size(path.with_name(f"{path.name}-wal")), pages * page_bytes)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
