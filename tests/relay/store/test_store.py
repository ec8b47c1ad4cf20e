"""The threads behind the store: order, shared transactions, and faults that stay with who made them."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading

import pytest

from tacit.relay.metrics import Metrics
from tacit.relay.store import Store
from tacit.wire.errors import Internal, NotAReader, ShuttingDown, StorageFull


def add_log(db: sqlite3.Connection) -> int:
    return db.execute("INSERT INTO logs (created_at) VALUES (1) RETURNING log").fetchone()[0]


def count_logs(db: sqlite3.Connection) -> int:
    return db.execute("SELECT count(*) FROM logs").fetchone()[0]


@pytest.fixture(params=["disk", "memory"])
async def store(request, tmp_path):
    opened = Store(tmp_path / "relay.db" if request.param == "disk" else None)
    yield opened
    await opened.close()


async def test_what_a_change_returns_comes_back_and_queries_see_it(store):
    assert await store.change(add_log) == 1
    assert await store.query(count_logs) == 1


async def test_what_waits_together_shares_a_transaction_and_keeps_its_order(store):
    entered, go_on = threading.Event(), threading.Event()

    statements: list[str] = []

    def hold(db: sqlite3.Connection) -> None:
        db.set_trace_callback(statements.append)
        entered.set()
        go_on.wait(10)

    first = asyncio.create_task(store.change(hold))
    await asyncio.to_thread(entered.wait, 10)
    order: list[int] = []
    for _ in range(50):
        store.submit(add_log, order.append)
    go_on.set()
    await first
    assert await store.change(add_log) == 51
    assert order == list(range(1, 51))
    assert statements.count("BEGIN IMMEDIATE") <= 2, "one for the fifty, perhaps one for the last"


async def test_what_does_not_fit_one_transaction_waits_for_the_next_in_its_order(store, monkeypatch):
    monkeypatch.setattr("tacit.relay.store.writer.MAX_WRITE_BATCH", 8)
    statements: list[str] = []
    await store.change(lambda db: db.set_trace_callback(statements.append))
    order: list[int] = []
    for _ in range(30):
        store.submit(add_log, order.append)
    assert await store.change(add_log) == 31
    assert order == list(range(1, 31))
    assert statements.count("BEGIN IMMEDIATE") == 4


async def test_a_change_that_refuses_leaves_no_trace_and_spares_its_neighbours(store):
    def refuse(db: sqlite3.Connection) -> None:
        add_log(db)
        raise NotAReader

    outcomes: list[object] = []
    for change in (add_log, refuse, add_log):
        store.submit(change, outcomes.append)
    await store.change(add_log)
    assert [type(outcome) for outcome in outcomes] == [int, NotAReader, int]
    assert await store.query(count_logs) == 3


@pytest.mark.parametrize(
    "fault",
    [
        lambda db: db.execute("INSERT INTO nowhere VALUES (1)"),
        lambda db: db.execute("INSERT INTO readers (log, device, start_seq, acked_seq) VALUES (9, 9, 0, 0)"),
        lambda db: db.execute("INSERT INTO logs (created_at) VALUES (?)", (2**80,)),
        lambda db: db.execute("INSERT INTO logs (created_at) VALUES (?)", (object(),)),
        lambda db: 1 // 0,
    ],
)
async def test_a_change_that_trips_spares_its_neighbours(store, fault, caplog):
    def trip(db: sqlite3.Connection) -> None:
        add_log(db)
        fault(db)

    outcomes: list[object] = []
    for change in (add_log, trip, add_log):
        store.submit(change, outcomes.append)
    await store.change(add_log)
    assert [type(outcome) for outcome in outcomes] == [int, Internal, int]
    assert await store.query(count_logs) == 3
    (record,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert record.getMessage().startswith("change-failed error=")


async def test_a_full_disk_refuses_everything_in_the_transaction_and_recovers(store, caplog):
    """Hazard G5."""
    await store.change(lambda db: db.execute("CREATE TABLE ballast (x)"))
    pages = await store.query(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    await store.change(lambda db: db.execute(f"PRAGMA max_page_count = {pages + 4}").fetchone())
    outcomes: list[object] = []
    gate = threading.Event()
    store.submit(lambda db: gate.wait(10), lambda outcome: None)
    store.submit(add_log, outcomes.append)
    store.submit(lambda db: db.execute("INSERT INTO ballast VALUES (zeroblob(100000))"), outcomes.append)
    store.submit(add_log, outcomes.append)
    gate.set()
    with pytest.raises(StorageFull):
        await store.change(lambda db: db.execute("INSERT INTO ballast VALUES (zeroblob(100000))"))
    assert {type(outcome) for outcome in outcomes} == {StorageFull}
    assert await store.query(count_logs) == 0, "reads go on"
    await store.change(lambda db: db.execute("PRAGMA max_page_count = 1073741823").fetchone())
    assert await store.change(add_log) == 1


async def test_after_closing_nothing_is_taken(tmp_path):
    store = Store(tmp_path / "relay.db")
    outcomes: list[object] = []
    for _ in range(20):
        store.submit(add_log, outcomes.append)
    await store.close()
    await asyncio.sleep(0)
    assert outcomes == list(range(1, 21)), "what was queued is finished"
    with pytest.raises(ShuttingDown):
        await store.change(add_log)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["relay.db"]


async def test_one_who_gives_up_waiting_does_not_disturb_the_rest(store):
    gate = threading.Event()
    waiting = asyncio.create_task(store.change(lambda db: gate.wait(10)))
    await asyncio.sleep(0)
    waiting.cancel()
    gate.set()
    assert await store.change(add_log) == 1


async def test_one_who_cannot_take_an_outcome_does_not_keep_it_from_the_others(store, caplog):
    outcomes: list[object] = []
    store.submit(add_log, lambda outcome: 1 // 0)
    store.submit(add_log, outcomes.append)
    await store.change(add_log)
    assert outcomes == [2]
    assert "delivery-failed error='ZeroDivisionError'" in caplog.text


async def test_a_fault_that_ends_the_writer_is_told_once_and_leaves_nobody_waiting(store, caplog):
    """Want of memory, where not even the line in the log about a failed transaction can be made."""
    failed = asyncio.Event()
    store.on_failed = failed.set
    logger = logging.getLogger("tacit.relay.store")

    def out_of_memory(record: logging.LogRecord) -> bool:
        if record.getMessage().startswith("transaction-failed"):
            raise MemoryError
        return True

    def disk_full(_: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError()
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    assert await store.change(add_log) == 1
    logger.addFilter(out_of_memory)
    try:
        async with asyncio.timeout(10):
            asked = [asyncio.create_task(store.change(change)) for change in (add_log, disk_full, add_log)]
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
            await failed.wait()
            with pytest.raises(ShuttingDown):
                await store.change(add_log)
            await store.close()
    finally:
        logger.removeFilter(out_of_memory)
    assert [type(outcome) for outcome in outcomes] == [ShuttingDown] * 3
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert told == ["writer-failed error='MemoryError'"]
    assert store.queued_bytes == 0


async def test_what_is_on_the_disk_is_acknowledged_even_if_it_cannot_be_counted(tmp_path):
    began = threading.Event()

    def monotonic_s() -> float:
        if began.is_set() and threading.current_thread() is not threading.main_thread():
            raise MemoryError
        return 0.0

    def add_and_begin(db: sqlite3.Connection) -> int:
        began.set()
        return add_log(db)

    failed = asyncio.Event()
    store = Store(tmp_path / "relay.db", metrics=Metrics(monotonic_s=monotonic_s))
    store.on_failed = failed.set
    async with asyncio.timeout(10):
        assert await store.change(add_and_begin) == 1
        await failed.wait()
        await store.close()
    reopened = Store(tmp_path / "relay.db")
    assert await reopened.query(count_logs) == 1
    await reopened.close()
