"""``Store``: the relay's file, its writer thread and its reader thread, for an event loop that must never wait."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from tacit.entropy import Entropy, system_entropy
from tacit.errors import RelayError
from tacit.limits import MAX_WRITE_QUEUE_BYTES
from tacit.log import EventLog
from tacit.relay.metrics import Metrics
from tacit.relay.store import incarnation
from tacit.relay.store.database import open_reader, open_writer
from tacit.relay.store.rows import Appended, NewEntry
from tacit.relay.store.writer import Change, Done, Job, Outcomes, Writer
from tacit.wire.errors import RateLimited, ShuttingDown, StorageFailed

T = TypeVar("T")

BUSY_RETRY_S = 1.0
"""When to come back after the queue to the disk was full."""


class Store:
    """What a relay keeps; used from one event loop.

    ``path`` None keeps it in memory, with reads on the writer thread: two connections to one in-memory database
    would lock each other out. ``now_s`` is for a relay that begins to serve: after a restore, it waits from then on.
    """

    def __init__(
        self,
        path: Path | None,
        entropy: Entropy = system_entropy,
        metrics: Metrics | None = None,
        *,
        now_s: int | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._log = EventLog("relay.store")
        self._queued_bytes = 0
        self._closed = False
        self._broken = False
        self._unanswered: deque[Job] = deque()
        """With the writer, in its order."""
        self.on_failed: Callable[[], None] = _nothing
        """Called when a fault has ended the writer: nothing is taken any longer, and the relay is to end."""
        db = open_writer(path)
        self.incarnation, self.waits_until = incarnation.begin(db, entropy, now_s)
        """Which life of its data the relay is in, and until when it waits for what a backup lacks."""
        self._metrics = metrics or Metrics()
        self._waiting: list[Job] = []
        self._since_s = 0.0
        self._writer = Writer(db, self._deliver_threadsafe, self._fail_threadsafe, self._metrics)
        self._reader = open_reader(path) if path is not None else None
        self._reading = ThreadPoolExecutor(1, "tacit-relay-reader")

    @property
    def queued_bytes(self) -> int:
        """Bytes of changes that are on their way to the disk."""
        return self._queued_bytes

    def submit(
        self, change: Callable[[sqlite3.Connection], T], done: Callable[[T | RelayError], None], size_bytes: int = 0
    ) -> None:
        """Queue a change; ``done`` is called in the event loop once it is on the disk, or refused.

        Changes take effect in the order of the calls. Raises ``RateLimited`` when too much waits for the disk.
        """
        self._submit(change, done, size_bytes)

    def append(self, entry: NewEntry, done: Callable[[Appended | RelayError], None]) -> None:
        """Queue an entry, as ``submit`` does ``logs.append``, for less where many are queued."""
        room_bytes = 0 if entry.room is None else len(entry.room.group_info)
        self._submit(entry, done, len(entry.payload) + room_bytes)

    async def change(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Run a change and wait until it is on the disk; raises what it refused with."""
        waiting: asyncio.Future[T] = self._loop.create_future()

        def done(outcome: T | RelayError) -> None:
            if waiting.done():
                return
            if isinstance(outcome, RelayError):
                waiting.set_exception(outcome)
            else:
                waiting.set_result(outcome)

        self.submit(change, done)
        return await waiting

    async def query(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query on one snapshot of the store, beside the writer."""
        if self._reader is None:
            return await self.change(query)
        return await self._loop.run_in_executor(self._reading, _on_snapshot, self._reader, query)

    async def close(self) -> None:
        """Finish what is queued, bring everything into one file and close it."""
        if self._closed:
            return
        self._closed = True
        await self._loop.run_in_executor(None, self._reading.shutdown)
        if self._reader is not None:
            self._reader.close()
        self._hand_over()
        await self._loop.run_in_executor(None, self._writer.stop)

    def _submit(self, change: Change | NewEntry, done: Done, size_bytes: int) -> None:
        if self._closed or self._broken:
            raise ShuttingDown
        if self._queued_bytes + size_bytes > MAX_WRITE_QUEUE_BYTES:
            raise RateLimited(retry_after_s=BUSY_RETRY_S)
        self._queued_bytes += size_bytes
        if not self._waiting:
            # What else comes in this turn of the event loop goes along; the writer is woken once.
            self._since_s = self._metrics.monotonic_s()
            self._loop.call_soon(self._hand_over)
        self._waiting.append(Job(change, done, size_bytes, self._since_s))

    def _hand_over(self) -> None:
        if self._waiting:
            jobs, self._waiting = self._waiting, []
            self._unanswered += jobs
            self._writer.submit(jobs)

    def _deliver_threadsafe(self, outcomes: Outcomes) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver, outcomes)

    def _deliver(self, outcomes: Outcomes) -> None:
        for job, outcome in outcomes:
            self._unanswered.popleft()
            self._answer(job, outcome)
        # Comes behind the sending that these outcomes have set off.
        self._loop.call_soon(self._metrics.handed, outcomes[0][0].submitted_s)

    def _answer(self, job: Job, outcome: Any) -> None:
        self._queued_bytes -= job.size_bytes
        try:
            job.done(outcome)
        except Exception as error:  # noqa: BLE001 - those behind it in the batch must hear of theirs
            self._log.warning("delivery-failed", error=type(error).__name__)

    def _fail_threadsafe(self) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it whoever could be told
            self._loop.call_soon_threadsafe(self._fail)

    def _fail(self) -> None:
        """Take nothing any longer; those who wait are told to come back, and find out then what is on the disk."""
        self._broken = True
        self._hand_over()
        while self._unanswered:
            self._answer(self._unanswered.popleft(), ShuttingDown())
        self.on_failed()


def _nothing() -> None:
    """Nobody waits for it."""


def _on_snapshot(db: sqlite3.Connection, query: Callable[[sqlite3.Connection], T]) -> T:
    try:
        if db.in_transaction:  # an earlier one, where even to end it took memory that was not there
            db.rollback()
        db.execute("BEGIN")
        try:
            return query(db)
        finally:
            db.execute("COMMIT")
    except (sqlite3.Error, MemoryError, UnicodeDecodeError) as error:  # the last of a schema that the disk has spoilt
        raise StorageFailed from error
