"""What a sweep costs those who wait to write meanwhile."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tacit.relay.store import damage, departures, invites, key_packages, phones, reading, returns
from tacit.relay.store.database import open_writer

OLD, NOW_S, LATER = 1_000, 2_000_000, 3_000_000
ROWS = 3_000
FEW_STEPS = 1_000
"""SQLite's steps: less than one for each row that is looked at."""


@pytest.fixture
def full() -> Iterator[sqlite3.Connection]:
    """A store with much in it, nothing of which is past its time."""
    with closing(open_writer(None)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("INSERT INTO relay (only_row, incarnation) VALUES (1, x'00')")
        for statement in (
            "INSERT INTO key_packages (device, digest, suite, last_resort, key_package, expires_at)"
            f" VALUES (?, ?, 1, 0, x'00', {LATER})",
            f"INSERT INTO answers VALUES (?, ?, 1, 1, {NOW_S})",
            f"INSERT INTO brought (log, message_id, seq, brought_at) VALUES (?, ?, 1, {NOW_S})",
            f"INSERT INTO entries VALUES (?, 1, ?, 1, x'', {NOW_S * 1000}, 0)",
        ):
            db.executemany(statement, ((n, os.urandom(16)) for n in range(ROWS)))
        yield db


@pytest.mark.parametrize(
    "sweep",
    [
        lambda db: reading.drop_older(db, OLD * 1000, NOW_S, 128),
        lambda db: reading.drop_old_answers(db, OLD, 128),
        lambda db: key_packages.drop_expired(db, NOW_S, 128),
        lambda db: returns.forget_old(db, OLD, NOW_S),
        lambda db: returns.end_all(db, OLD),
        lambda db: invites.drop_ended(db, OLD),
        lambda db: damage.forget(db, OLD),
        lambda db: phones.forget_sent(db, NOW_S),
        lambda db: departures.clear(db, NOW_S),
    ],
)
def test_a_sweep_does_not_look_at_what_is_not_past_its_time(
    full: sqlite3.Connection, sweep: Callable[[sqlite3.Connection], object]
) -> None:
    steps: list[int] = []
    full.set_progress_handler(lambda: steps.append(1), 1)  # type: ignore[arg-type, return-value]
    sweep(full)
    full.set_progress_handler(None, 0)
    assert len(steps) < FEW_STEPS
