"""Entries that are appended together end up as if each had come alone."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit import limits
from tacit.errors import RelayError
from tacit.relay.store import Store, accounts, logs, reading
from tacit.relay.store.database import open_writer
from tacit.relay.store.places import find_log
from tacit.relay.store.rows import (
    COMMIT,
    WELCOME,
    Appended,
    DeviceAddress,
    DeviceRow,
    LogRow,
    Needs,
    NewEntry,
    Registration,
    Session,
)
from tacit.wire.errors import Internal, NotAReader, QuotaExceeded, UnknownLog

NAMES = "abc"
MESSAGE = 1
A, B = b"A" * 16, b"B" * 16
TABLES = ("accounts", "logs", "readers", "entries", "answers")


def register(db: sqlite3.Connection, name: str) -> Session:
    identifier = name.encode() * 16
    wish = Registration(identifier, b"key " + identifier, identifier, b"device", b"certificate", 2**40, "", None)
    accounts.register(db, wish, needs=Needs(), now_s=0)
    return session(db, name)


def address(name: str) -> DeviceAddress:
    return DeviceAddress(name.encode() * 16, name.encode() * 16)


def session(db: sqlite3.Connection, name: str) -> Session:
    return accounts.known_device(db, name.encode() * 16, name.encode() * 16).session


def contents(db: sqlite3.Connection) -> dict[str, list[object]]:
    return {table: db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall() for table in TABLES}


def one_by_one(db: sqlite3.Connection, entries: Sequence[NewEntry]) -> list[Appended | RelayError]:
    outcomes: list[Appended | RelayError] = []
    for entry in entries:
        db.execute("SAVEPOINT alone")
        try:
            outcomes.append(logs.append(db, entry))
        except RelayError as refusal:
            db.execute("ROLLBACK TO alone")
            outcomes.append(refusal)
        db.execute("RELEASE alone")
    return outcomes


def comparable(outcomes: Sequence[Appended | RelayError]) -> list[object]:
    return [outcome if isinstance(outcome, Appended) else (type(outcome), vars(outcome)) for outcome in outcomes]


NAMED = st.lists(st.sampled_from([*NAMES, "z"]).map(address), max_size=2, unique=True)


@st.composite
def drawn_entries(draw: st.DrawFn) -> NewEntry:
    """By anybody to anywhere; message IDs come again, commits build on any number, some readers are nobody."""
    to_inbox = draw(st.integers(0, 4)) == 0
    kind = WELCOME if to_inbox else draw(st.sampled_from([MESSAGE, MESSAGE, COMMIT]))
    added, removed = (draw(NAMED), draw(NAMED)) if kind == COMMIT else ([], [])
    return NewEntry(
        author=DeviceRow(draw(st.sampled_from([1, 2, 3]))),
        log_id=None if to_inbox else draw(st.sampled_from([A, A, B, b"Z" * 16])),
        inbox=address(draw(st.sampled_from("abz"))) if to_inbox else None,
        message_id=draw(st.integers(0, 11)).to_bytes(16, "big"),
        kind=kind,
        payload=b"x" * draw(st.integers(0, 40)),
        received_at_ms=5,
        after_commit=draw(st.sampled_from([0, 0, 1, 2])) if kind == COMMIT else 0,
        readers_added=tuple(added),
        readers_removed=tuple(reader for reader in removed if reader not in added),
    )


@contextmanager
def tight() -> Iterator[None]:
    """Bounds that a few entries reach."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "MAX_HELD_BYTES_PER_ACCOUNT", 900)
        patch.setattr(limits, "MAX_INBOX_ENTRIES", 3)
        patch.setattr(limits, "MAX_INBOX_ENTRIES_PER_SENDER", 2)
        patch.setattr(limits, "MAX_READERS_PER_LOG", 2)
        yield


@contextmanager
def furnished() -> Iterator[sqlite3.Connection]:
    """A store with two conversations, each of its maker alone; Z is nobody, and no conversation either."""
    db = open_writer(None)
    sessions = {name: register(db, name) for name in NAMES}
    for maker, log_id in (("a", A), ("b", B)):
        logs.create_log(db, sessions[maker], log_id, 0)
    yield db
    db.close()


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[sqlite3.Connection, sqlite3.Connection]]:
    with furnished() as together, furnished() as alone:
        yield together, alone


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(drawn_entries(), min_size=1, max_size=12), min_size=1, max_size=3), st.integers(0, 6))
def test_together_is_the_same_as_one_after_the_other(
    pair: tuple[sqlite3.Connection, sqlite3.Connection], batches: list[list[NewEntry]], acknowledged: int
) -> None:
    together, alone = pair
    for db in pair:
        db.execute("BEGIN")
    try:
        with tight():
            for entries in batches:
                assert comparable(logs.append_all(together, entries)) == comparable(one_by_one(alone, entries))
                for db in pair:  # some of the entries go, and leave their answers
                    reading.acknowledge(db, session(db, "a"), [(A, acknowledged)], 0)
                assert contents(together) == contents(alone)
    finally:
        for db in pair:
            db.execute("ROLLBACK")


def message(number: int, payload: bytes = b"x", log_id: bytes = A) -> NewEntry:
    return NewEntry(DeviceRow(1), log_id, None, number.to_bytes(16, "big"), MESSAGE, payload, 5)


@pytest.mark.parametrize("count", [1, 2, 7, 64, 65, 200])
def test_any_number_of_entries_is_kept_without_a_hole(count: int) -> None:
    with furnished() as db:
        outcomes = logs.append_all(db, [message(number) for number in range(count)])
        assert [outcome.seq for outcome in outcomes if isinstance(outcome, Appended)] == list(range(1, count + 1))
        kept = db.execute("SELECT position & 4294967295, message_id FROM entries ORDER BY 1").fetchall()
        assert kept == [(number + 1, number.to_bytes(16, "big")) for number in range(count)]


def test_what_is_refused_takes_no_number_and_nothing_of_a_quota() -> None:
    with tight(), furnished() as db:
        wanted = [message(1), message(2, b"x" * 2_000), message(3), message(4, log_id=B), message(3, b"again")]
        first, too_large, second, stranger, repeat = logs.append_all(db, wanted)
        log = find_log(db, session(db, "a"), A)
        assert (first, second) == (Appended(log, 1, fresh=True), Appended(log, 2, fresh=True))
        assert isinstance(too_large, QuotaExceeded)
        assert isinstance(stranger, NotAReader)
        assert repeat == replace(second, fresh=False)
        assert db.execute("SELECT held_bytes FROM accounts WHERE account = 1").fetchone() == (
            2 * (1 + limits.ENTRY_OVERHEAD_BYTES),
        )


async def test_an_entry_that_trips_takes_none_of_its_neighbours_along(caplog: pytest.LogCaptureFixture) -> None:
    store = Store(None)
    await store.change(lambda db: logs.create_log(db, register(db, "a"), A, 0))
    outcomes: list[object] = []
    entries = [message(1), message(2), replace(message(3), received_at_ms=2**80), message(4), message(1)]
    for entry in entries:
        store.append(entry, outcomes.append)
    await store.change(lambda db: None)
    await store.close()
    assert outcomes[:2] == [Appended(LogRow(2), 1, fresh=True), Appended(LogRow(2), 2, fresh=True)]
    assert isinstance(outcomes[2], Internal)
    assert outcomes[3:] == [Appended(LogRow(2), 3, fresh=True), Appended(LogRow(2), 1, fresh=False)]
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "change-failed error='error'"
    ]


async def test_entries_keep_their_place_among_other_changes() -> None:
    """What comes behind an entry sees it, and the entry sees what came before."""
    store = Store(None)
    seen: list[object] = []
    store.append(message(1), seen.append)
    store.submit(lambda db: logs.create_log(db, register(db, "a"), A, 0), seen.append)
    store.append(message(1), seen.append)
    store.append(message(2), seen.append)
    store.submit(lambda db: db.execute("SELECT count(*) FROM entries").fetchone()[0], seen.append)
    store.append(message(3), seen.append)
    await store.change(lambda db: None)
    await store.close()
    assert isinstance(seen[0], UnknownLog)
    assert [seen[2], seen[3], seen[4], seen[5]] == [
        Appended(LogRow(2), 1, fresh=True),
        Appended(LogRow(2), 2, fresh=True),
        2,
        Appended(LogRow(2), 3, fresh=True),
    ]
