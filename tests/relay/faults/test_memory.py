"""SQLite without memory: whoever waits hears of it, and the writer goes on. Hazard G10."""

from __future__ import annotations

import _sqlite3
import ctypes
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from tacit.errors import RelayError
from tacit.relay.store import Store
from tacit.wire.errors import StorageFailed

SQLITE = ctypes.CDLL(_sqlite3.__file__)
SQLITE.sqlite3_memory_used.restype = ctypes.c_longlong
SQLITE.sqlite3_hard_heap_limit64.argtypes = [ctypes.c_longlong]
SQLITE.sqlite3_hard_heap_limit64.restype = ctypes.c_longlong


@contextmanager
def no_more_memory(spare_bytes: int) -> Iterator[None]:
    SQLITE.sqlite3_hard_heap_limit64(SQLITE.sqlite3_memory_used() + spare_bytes)
    try:
        yield
    finally:
        SQLITE.sqlite3_hard_heap_limit64(0)


def fill(db: sqlite3.Connection) -> int:
    """Take as many pages as a transaction of many entries does."""
    db.executemany("INSERT INTO logs (log_id, created_at) VALUES (?, 1)", [(bytes([n]) * 400,) for n in range(200)])
    return 200


def count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM logs").fetchone()[0])


async def test_without_memory_a_transaction_is_refused_and_the_next_one_is_taken(tmp_path) -> None:
    """G10: at whichever of SQLite's own allocations it happens."""
    store = Store(tmp_path / "relay.db")
    assert await store.change(count) == 0
    refused = 0
    for spare_bytes in range(0, 60_000, 1_500):
        outcomes: list[object] = []
        with no_more_memory(spare_bytes):
            store.submit(fill, outcomes.append)
            try:
                outcomes.append(await store.change(lambda db: 0))
            except RelayError as refusal:
                outcomes.append(refusal)
        refused += isinstance(outcomes[0], RelayError)
        held = await store.change(count)
        assert held == (0 if isinstance(outcomes[0], RelayError) else 200), "all or nothing"
        await store.change(lambda db: db.execute("DELETE FROM logs").rowcount)
    assert refused > 0
    await store.close()


async def test_without_memory_a_query_is_refused_and_the_next_one_is_answered(tmp_path) -> None:
    """G10."""
    store = Store(tmp_path / "relay.db")
    await store.change(fill)
    refused = 0
    for spare_bytes in range(0, 480_000, 8_000):
        with no_more_memory(spare_bytes):
            try:
                assert await store.query(read_all) == 200
            except StorageFailed:
                refused += 1
        assert await store.query(count) == 200
    assert 0 < refused < 60
    await store.close()


def read_all(db: sqlite3.Connection) -> int:
    """Sort what was read, which takes memory of its own."""
    return len(db.execute("SELECT hex(log_id) || random() AS x FROM logs ORDER BY x").fetchall())
