"""Power cuts, by replaying what was written: whatever reached the disk after an answer, the answer holds. Hazard G6."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from functools import partial

from tacit.relay.store import Store, logs
from tacit.relay.store.database import open_writer
from tacit.relay.store.rows import NewEntry
from tests.relay.store.backends import join
from tests.relay.store.test_log_model import LOG_ID


async def test_after_a_power_cut_at_any_byte_everything_acknowledged_is_there(tmp_path):
    chance = random.Random(6)
    path, wal = tmp_path / "relay.db", tmp_path / "relay.db-wal"
    store = Store(path)
    author = await join(store, "a")
    await store.change(partial(logs.create_log, maker=author, log_id=LOG_ID, now_s=0))
    shutil.copy(path, tmp_path / "before.db")
    acknowledged: list[tuple[int, int]] = []
    for n in range(60):
        entry = NewEntry(author.device, LOG_ID, None, b"%16d" % n, 1, chance.randbytes(chance.randrange(3000)), 0)
        appended = await store.change(partial(logs.append, entry=entry))
        acknowledged.append((wal.stat().st_size, appended.seq))
    written = wal.read_bytes()
    assert path.read_bytes() == (tmp_path / "before.db").read_bytes(), "no checkpoint came in between"
    await store.close()

    cut = tmp_path / "cut" / "relay.db"
    cut.parent.mkdir()
    for _ in range(60):
        size = chance.randrange(acknowledged[0][0], len(written) + 1)
        torn = chance.randbytes(chance.randrange(5000)) if chance.random() < 0.5 else b""
        await asyncio.to_thread(_after_cut, tmp_path / "before.db", cut, written[:size] + torn)
        promised = max(seq for at, seq in acknowledged if at <= size)
        db = open_writer(cut)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (kept,) = db.execute("SELECT last_seq FROM logs WHERE log_id = ?", (LOG_ID,)).fetchone()
        assert kept >= promised
        assert _sequence(db) == list(range(1, kept + 1)), "no entry is there by half"
        db.close()


def _after_cut(before, path, wal) -> None:
    for leftover in path.parent.iterdir():
        leftover.unlink()
    shutil.copy(before, path)
    path.with_name("relay.db-wal").write_bytes(wal)


def _sequence(db: sqlite3.Connection) -> list[int]:
    return [seq for (seq,) in db.execute("SELECT position & 4294967295 FROM entries ORDER BY position")]
