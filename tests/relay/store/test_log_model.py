"""The log against a model of a few lines.

Whatever is appended, acknowledged, added and removed in whatever order: every reader can read exactly what it should,
nothing that somebody needs is gone, and nothing that nobody needs is kept.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tacit.errors import RelayError
from tacit.limits import ENTRY_OVERHEAD_BYTES
from tacit.relay.store import Store, Tables, logs, reading
from tacit.relay.store.inspect import held_account
from tacit.relay.store.rows import COMMIT, MESSAGE, Appended, DeviceAddress, LogState, NewEntry, StoredEntry
from tacit.wire.errors import CommitConflict, NotAReader
from tests.relay.store.backends import BACKENDS, address, identifier, join

T = TypeVar("T")

NAMES = "abcd"
LOG_ID = b"L" * 16


class Reader:
    """What one device should be able to read, as stretches of numbers, and how far it has acknowledged."""

    def __init__(self, start: int) -> None:
        self.start, self.end, self.acked = start, None, start

    def needs(self, seq: int) -> bool:
        return self.acked < seq and (self.end is None or seq <= self.end)

    def may_read(self, seq: int) -> bool:
        return self.start < seq and (self.end is None or seq <= self.end)


class LogMachine(RuleBasedStateMachine):
    backend: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory(prefix="tacit-log-")
        self.store = self.wait(self.open())
        self.sessions = {name: self.wait(join(self.store, name)) for name in NAMES}
        self.create("a")

    async def open(self) -> Store:
        return BACKENDS[self.backend](Path(self.folder.name))

    def wait(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(doing)

    def create(self, name: str) -> None:
        self.wait(self.store.change(partial(logs.create_log, maker=self.sessions[name], log_id=LOG_ID, now_s=0)))
        self.readers: dict[str, list[Reader]] = {other: [] for other in NAMES}
        self.readers[name].append(Reader(0))
        self.payloads: list[bytes] = []
        self.authors: list[str] = []
        self.sent: dict[tuple[str, bytes], int] = {}
        self.known = dict.fromkeys(NAMES, 0)
        """How far somebody has acknowledged while it could write."""
        self.last_commit = self.dropped = 0
        self.gone = False

    @precondition(lambda self: self.gone)
    @rule(name=st.sampled_from(NAMES))
    def create_again(self, name: str) -> None:
        self.create(name)

    def write(self, name: str, payload: bytes) -> None:
        self.payloads.append(payload)
        self.authors.append(name)

    def present(self, name: str) -> bool:
        return any(reader.end is None for reader in self.readers[name])

    def entry(self, name: str, kind: int, message_id: bytes, payload: bytes, **more: object) -> NewEntry:
        return NewEntry(self.sessions[name].device, LOG_ID, None, message_id, kind, payload, 5, **more)

    def attempt(self, entry: NewEntry) -> int:
        async def append() -> Appended | RelayError:
            answer = self.loop.create_future()
            self.store.append(entry, answer.set_result)
            return await answer

        outcome = self.wait(append())
        if isinstance(outcome, RelayError):
            raise outcome
        return outcome.seq

    @precondition(lambda self: not self.gone)
    @rule(name=st.sampled_from(NAMES), size=st.integers(0, 50))
    def append(self, name: str, size: int) -> None:
        message_id, payload = os.urandom(16), bytes(size) + b"%d" % len(self.payloads)
        entry = self.entry(name, MESSAGE, message_id, payload)
        if not self.present(name):
            with pytest.raises(NotAReader):
                self.attempt(entry)
            return
        self.write(name, payload)
        assert self.attempt(entry) == len(self.payloads)
        self.sent[name, message_id] = len(self.payloads)

    @precondition(lambda self: self.sent and not self.gone)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """A repeat gets the first answer, unless its author has said as a reader that it knows it."""
        (name, message_id), seq = data.draw(st.sampled_from(sorted(self.sent.items())))
        if seq <= self.known[name]:
            return
        assert self.attempt(self.entry(name, MESSAGE, message_id, b"again")) == seq

    @precondition(lambda self: not self.gone)
    @rule(
        name=st.sampled_from(NAMES),
        added=st.sets(st.sampled_from(NAMES), max_size=2),
        removed=st.sets(st.sampled_from(NAMES), max_size=2),
        late=st.booleans(),
    )
    def commit(self, name: str, added: set[str], removed: set[str], late: bool) -> None:
        payload = b"commit %d" % len(self.payloads)
        entry = self.entry(
            name, COMMIT, os.urandom(16), payload,
            after_commit=self.last_commit + late,
            readers_added=addresses(added - removed), readers_removed=addresses(removed),
        )  # fmt: skip
        if not self.present(name) or late:
            with pytest.raises(CommitConflict if self.present(name) else NotAReader):
                self.attempt(entry)
            return
        self.write(name, payload)
        self.last_commit = seq = self.attempt(entry)
        assert seq == len(self.payloads)
        for other in removed:
            for reader in self.readers[other]:
                if reader.end is None:
                    reader.end = seq
        for other in added - removed:
            if not self.present(other):
                self.readers[other].append(Reader(seq))

    @precondition(lambda self: not self.gone)
    @rule(name=st.sampled_from(NAMES), seq=st.integers(0, 30))
    def acknowledge(self, name: str, seq: int) -> None:
        change = partial(reading.acknowledge, session=self.sessions[name], positions=[(LOG_ID, seq)], now_s=0)
        self.wait(self.store.change(change))
        moved = [r for r in self.readers[name] if r.acked < seq and (r.end is None or r.acked < r.end)]
        if self.present(name):
            self.known[name] = max(self.known[name], min(seq, len(self.payloads)))
        for reader in moved:
            reader.acked = min(seq, len(self.payloads) if reader.end is None else reader.end)
        if not moved:
            return
        self.readers = {
            other: [reader for reader in readers if reader.end is None or reader.acked < reader.end]
            for other, readers in self.readers.items()
        }
        stretches = [reader for readers in self.readers.values() for reader in readers]
        self.gone = not stretches
        lowest = min((reader.acked for reader in stretches), default=len(self.payloads))
        self.dropped = max(self.dropped, lowest)

    @invariant()
    def everyone_reads_what_they_should_and_nothing_else_is_kept(self) -> None:
        seen, held = self.wait(self.store.query(self.look))
        kept = range(self.dropped + 1, len(self.payloads) + 1)
        for name, readers in self.readers.items():
            sizes = [len(self.payloads[n - 1]) + ENTRY_OVERHEAD_BYTES for n in kept if self.authors[n - 1] == name]
            assert held[name] == sum(sizes)
            assert all(
                seq in kept for reader in readers for seq in range(1, len(self.payloads) + 1) if reader.needs(seq)
            )
            assert (name in seen) == bool(readers)
            if name not in seen:
                continue
            state, read = seen[name]
            expected = [seq for seq in kept if any(reader.may_read(seq) for reader in readers)]
            assert [entry.seq for entry in read] == expected
            assert [entry.payload for entry in read] == [self.payloads[seq - 1] for seq in expected]
            assert state.first_seq == (expected[0] if expected else state.last_seq + 1)

    def look(self, db: Tables) -> tuple[dict[str, tuple[LogState, list[StoredEntry]]], dict[str, int]]:
        """What everybody reads of the log, and what counts for everybody."""
        seen = {}
        for name, session in self.sessions.items():
            (state,) = reading.log_states(db, session, [LOG_ID])
            read: list[StoredEntry] = []
            after, more = 0, state is not None
            while more and state is not None:
                chunk = reading.read_entries(db, state.log, session.device, after, max_entries=3, max_bytes=60)
                assert chunk.upto >= after
                read += chunk.entries
                after, more = chunk.upto, not chunk.caught_up
            if state is not None:
                seen[name] = (state, read)
        return seen, {name: held_account(db, identifier(name)).held_bytes for name in NAMES}

    def teardown(self) -> None:
        self.wait(self.store.close())
        self.loop.close()
        self.folder.cleanup()


def addresses(names: set[str]) -> tuple[DeviceAddress, ...]:
    return tuple(address(name) for name in sorted(names))


class OnDisk(LogMachine):
    backend = "sqlite"


class InMemory(LogMachine):
    backend = "memory"


OnDisk.TestCase.settings = settings(max_examples=10, stateful_step_count=30, deadline=None)
InMemory.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestLogModelOnDisk = OnDisk.TestCase
TestLogModelInMemory = InMemory.TestCase


def test_every_backend_is_held_to_the_model() -> None:
    assert {machine.backend for machine in LogMachine.__subclasses__()} == set(BACKENDS)
