"""The one thread that writes: whatever has arrived while one transaction was being written shares the next.

A change is acknowledged only after its transaction is on the disk. Within a transaction each change has a savepoint, so
that one which refuses, or trips, takes nothing of its neighbours with it; when the disk itself fails, all of them fail.
Entries that follow each other are appended together, under one savepoint; should one trip, each gets its own after all.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeAlias, cast

from tacit.errors import RelayError
from tacit.limits import MAX_WRITE_BATCH
from tacit.log import EventLog
from tacit.relay.metrics import Metrics
from tacit.relay.store import logs
from tacit.relay.store.database import settle
from tacit.relay.store.rows import NewEntry
from tacit.wire.errors import Internal, StorageFailed, StorageFull

Change: TypeAlias = Callable[[sqlite3.Connection], Any]
Done: TypeAlias = Callable[[Any], None]
"""Gets what the change returned, or the ``RelayError`` instead of it."""

_DISK: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }
)
"""Primary result codes after which the whole transaction is in doubt."""

TELL_AGAIN_S: Final = 0.5
"""Pause before the event loop is told once more that nothing is written any longer, if memory was wanting for that."""


@dataclass(frozen=True, slots=True)
class Job:
    """A change, or an entry to be appended; who waits for it, the bytes it holds meanwhile, and since when it waits."""

    change: Change | NewEntry
    done: Done
    size_bytes: int
    submitted_s: float


Outcomes: TypeAlias = list[tuple[Job, Any]]


class Writer:
    """Runs jobs on a thread of its own; ``deliver`` gets each transaction's outcomes once they are on the disk.

    ``failed`` is called when a fault has ended the thread: what was not delivered by then never will be.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        deliver: Callable[[Outcomes], None],
        failed: Callable[[], None],
        metrics: Metrics,
    ) -> None:
        self._db = db
        self._deliver = deliver
        self._failed = failed
        self._metrics = metrics
        self._settled = False
        self._jobs: SimpleQueue[list[Job] | None] = SimpleQueue()
        self._left: list[Job] = []
        self._stopping = False
        self._log = EventLog("relay.store")
        self._thread = threading.Thread(target=self._run, name="tacit-relay-writer", daemon=True)
        self._thread.start()

    def submit(self, jobs: list[Job]) -> None:
        """Put jobs at the end of the queue."""
        self._jobs.put(jobs)

    def stop(self) -> None:
        """Let the thread finish what is queued, checkpoint and close the connection; waits for all of it."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while batch := self._next_batch():
                self._serve(batch)
            self._close()
        except Exception as error:  # noqa: BLE001 - without a word the relay would wait for its disk for ever
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Say once why nothing is written any longer, in the log and to the event loop."""
        with suppress(Exception):
            self._log.warning("writer-failed", error=type(error).__name__)
        with suppress(Exception):
            self._db.close()
        while True:
            try:
                self._failed()
            except MemoryError:
                time.sleep(TELL_AGAIN_S)
            else:
                return

    def _next_batch(self) -> list[Job]:
        """Wait for a job and take along all that have queued up behind it; none when there will be no more."""
        jobs = self._left
        while len(jobs) < MAX_WRITE_BATCH and not self._stopping:
            try:
                more = self._jobs.get(block=not jobs)
            except Empty:
                break
            if more is None:
                self._stopping = True
            else:
                jobs += more
        self._left = jobs[MAX_WRITE_BATCH:]
        return jobs[:MAX_WRITE_BATCH]

    def _serve(self, batch: list[Job]) -> None:
        """Write a batch and deliver what came of it."""
        began_s = self._metrics.monotonic_s()
        try:
            outcomes = self._commit(batch)
        except Exception as error:  # noqa: BLE001 - want of memory, for one; the thread that writes must go on
            self._deliver(self._fail(batch, error))
            return
        try:
            self._metrics.committed(began_s, len(batch))
        finally:
            # It is on the disk, and whoever waits hears so whatever becomes of the count.
            self._deliver(outcomes)

    def _commit(self, batch: list[Job]) -> Outcomes:
        """Write a batch; an index that turns out to be spoilt is made again before."""
        try:
            if not self._settled:
                settle(self._db)
                self._settled = True
            return self._write(batch)
        except Exception as error:
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_CORRUPT_INDEX:
                raise
            self._log.warning("index-damaged")
        # A record was spoilt in a field that an index knows by its old value. What an index says is in its table.
        self._db.execute("REINDEX")
        return self._write(batch)

    def _write(self, batch: list[Job]) -> Outcomes:
        """Apply a batch in one transaction; raises what the disk says, and then nothing of it has happened."""
        try:
            if self._db.in_transaction:  # an earlier one, where even to undo it took memory that was not there
                self._db.rollback()
            self._db.execute("BEGIN IMMEDIATE")
            outcomes = list(zip(batch, self._apply_all(job.change for job in batch), strict=True))
            self._db.execute("COMMIT")
        except Exception:
            if self._db.in_transaction:
                self._db.rollback()
            raise
        return outcomes

    def _apply_all(self, changes: Iterable[Change | NewEntry]) -> Iterator[Any]:
        """The outcome of each change, in their order."""
        for are_entries, neighbours in groupby(changes, lambda change: isinstance(change, NewEntry)):
            if are_entries:
                yield from self._append(cast("list[NewEntry]", list(neighbours)))
            else:
                yield from map(self._apply, cast("Iterator[Change]", neighbours))

    def _append(self, entries: list[NewEntry]) -> list[Any]:
        self._db.execute("SAVEPOINT change")
        try:
            outcomes = logs.append_all(self._db, entries)
        except Exception as error:
            if _primary_code(error) in _DISK:
                raise
            self._db.execute("ROLLBACK TO change")
            outcomes = [self._apply(partial(logs.append, entry=entry)) for entry in entries]
        self._db.execute("RELEASE change")
        return outcomes

    def _apply(self, change: Change) -> Any:
        """Run one change; what it raises is its outcome, unless the disk is at fault."""
        self._db.execute("SAVEPOINT change")
        try:
            outcome = change(self._db)
        except RelayError as refusal:
            self._db.execute("ROLLBACK TO change")
            outcome = refusal
        except Exception as error:
            # A fault in one change must not take its neighbours along, unless it is the disk's.
            if _primary_code(error) in _DISK:
                raise
            self._db.execute("ROLLBACK TO change")
            self._log.warning("change-failed", error=type(error).__name__)
            outcome = Internal()
        self._db.execute("RELEASE change")
        return outcome

    def _fail(self, batch: list[Job], error: Exception) -> Outcomes:
        """What those hear whose transaction the disk did not take."""
        self._log.warning("transaction-failed", error=getattr(error, "sqlite_errorname", type(error).__name__))
        refusal = StorageFull if _primary_code(error) == sqlite3.SQLITE_FULL else StorageFailed
        self._metrics.failed(refusal.code)
        return [(job, refusal()) for job in batch]

    def _close(self) -> None:
        try:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            # Nothing is lost: the log is read again at the next start.
            self._log.warning("checkpoint-failed", error=error.sqlite_errorname)
        finally:
            self._db.close()


def _primary_code(error: Exception) -> int | None:
    """SQLite's primary result code; None for faults that are not SQLite's."""
    extended: int | None = getattr(error, "sqlite_errorcode", None)
    return None if extended is None else extended & 0xFF
