"""The log against a model of a few lines.

Whatever is appended, acknowledged, added and removed in whatever order: every reader can read exactly what it should,
nothing that somebody needs is gone, and nothing that nobody needs is kept.
"""

from __future__ import annotations

import os
import sqlite3

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tacit.errors import RelayError
from tacit.relay.store import accounts, logs, reading
from tacit.relay.store.database import open_writer
from tacit.relay.store.rows import COMMIT, DeviceAddress, Needs, NewEntry, Registration, Session
from tacit.wire.errors import CommitConflict, NotAReader

NAMES = "abcd"
LOG_ID = b"L" * 16
MESSAGE = 1


def register(db: sqlite3.Connection, name: str) -> Session:
    identifier = name.encode() * 16
    wish = Registration(identifier, b"key " + identifier, identifier, b"device", b"certificate", 2**40, "", None)
    accounts.register(db, wish, needs=Needs(), now_s=0)
    return accounts.known_device(db, identifier, identifier).session


class Reader:
    """What one device should be able to read, as stretches of numbers, and how far it has acknowledged."""

    def __init__(self, start: int) -> None:
        self.start, self.end, self.acked = start, None, start

    def needs(self, seq: int) -> bool:
        return self.acked < seq and (self.end is None or seq <= self.end)

    def may_read(self, seq: int) -> bool:
        return self.start < seq and (self.end is None or seq <= self.end)


class LogMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.db = open_writer(None)
        self.sessions = {name: register(self.db, name) for name in NAMES}
        self.create("a")

    def create(self, name: str) -> None:
        logs.create_log(self.db, self.sessions[name], LOG_ID, 0)
        self.readers: dict[str, list[Reader]] = {other: [] for other in NAMES}
        self.readers[name].append(Reader(0))
        self.payloads: list[bytes] = []
        self.sent: dict[tuple[str, bytes], int] = {}
        self.last_commit = self.dropped = 0
        self.gone = False

    @precondition(lambda self: self.gone)
    @rule(name=st.sampled_from(NAMES))
    def create_again(self, name: str) -> None:
        self.create(name)

    def present(self, name: str) -> bool:
        return any(reader.end is None for reader in self.readers[name])

    def entry(self, name: str, kind: int, message_id: bytes, payload: bytes, **more: object) -> NewEntry:
        return NewEntry(self.sessions[name].device, LOG_ID, None, message_id, kind, payload, 5, **more)

    def attempt(self, entry: NewEntry) -> int:
        """Append as the writer does: a refusal leaves no trace."""
        self.db.execute("SAVEPOINT change")
        try:
            seq = logs.append(self.db, entry).seq
        except RelayError:
            self.db.execute("ROLLBACK TO change")
            raise
        finally:
            self.db.execute("RELEASE change")
        return seq

    @precondition(lambda self: not self.gone)
    @rule(name=st.sampled_from(NAMES), size=st.integers(0, 50))
    def append(self, name: str, size: int) -> None:
        message_id, payload = os.urandom(16), bytes(size) + b"%d" % len(self.payloads)
        entry = self.entry(name, MESSAGE, message_id, payload)
        if not self.present(name):
            with pytest.raises(NotAReader):
                self.attempt(entry)
            return
        self.payloads.append(payload)
        assert self.attempt(entry) == len(self.payloads)
        self.sent[name, message_id] = len(self.payloads)

    @precondition(lambda self: self.sent and not self.gone)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """A repeat gets the first answer, unless its author has said that it knows it."""
        (name, message_id), seq = data.draw(st.sampled_from(sorted(self.sent.items())))
        if any(reader.end is None and reader.acked >= seq for reader in self.readers[name]):
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
        self.payloads.append(payload)
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
        reading.acknowledge(self.db, self.sessions[name], [(LOG_ID, seq)], 0)
        moved = [r for r in self.readers[name] if r.acked < seq and (r.end is None or r.acked < r.end)]
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
    def what_is_kept_is_what_somebody_needs(self) -> None:
        held = self.db.execute("SELECT position & 4294967295, length(payload) FROM entries ORDER BY 1").fetchall()
        kept = [seq for seq, _ in held]
        assert kept == list(range(self.dropped + 1, len(self.payloads) + 1))
        for readers in self.readers.values():
            for reader in readers:
                assert all(seq in kept for seq in range(1, len(self.payloads) + 1) if reader.needs(seq))
        row = self.db.execute("SELECT held_bytes, last_seq FROM logs WHERE log_id = ?", (LOG_ID,)).fetchone()
        assert row == (None if self.gone else (sum(size for _, size in held), len(self.payloads)))

    @invariant()
    def everyone_reads_what_they_should(self) -> None:
        kept = {seq for (seq,) in self.db.execute("SELECT position & 4294967295 FROM entries")}
        for name, session in self.sessions.items():
            (state,) = reading.log_states(self.db, session, [LOG_ID])
            assert (state is not None) == bool(self.readers[name])
            if state is None:
                continue
            expected = [
                seq for seq in sorted(kept) if any(reader.may_read(seq) for reader in self.readers[name])
            ]  # fmt: skip
            read, after = [], 0
            while True:
                chunk = reading.read_entries(self.db, state.log, session.device, after, max_entries=3, max_bytes=60)
                read += chunk.entries
                assert chunk.upto >= after
                after = chunk.upto
                if chunk.caught_up:
                    break
            assert [entry.seq for entry in read] == expected
            assert [entry.payload for entry in read] == [self.payloads[seq - 1] for seq in expected]
            assert state.first_seq == (expected[0] if expected else state.last_seq + 1)

    def teardown(self) -> None:
        self.db.close()


def addresses(names: set[str]) -> tuple[DeviceAddress, ...]:
    return tuple(DeviceAddress(name.encode() * 16, name.encode() * 16) for name in sorted(names))


LogMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=30)
TestLogModel = LogMachine.TestCase
