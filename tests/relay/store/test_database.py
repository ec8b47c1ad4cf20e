from __future__ import annotations

import sqlite3
import stat
from functools import partial

import pytest

from tacit.relay.errors import StoreForeign, StoreNewer, StoreNotDurable, StoreUnusable
from tacit.relay.store import database
from tacit.relay.store.database import open_reader, open_writer
from tacit.relay.store.migrations import SCHEMA_DIRECTORY


def test_a_store_syncs_every_commit_and_overwrites_what_it_deletes(tmp_path):
    db = open_writer(tmp_path / "relay.db")
    pragmas = {name: db.execute(f"PRAGMA {name}").fetchone()[0] for name in (
        "journal_mode", "synchronous", "secure_delete", "foreign_keys", "trusted_schema"
    )}  # fmt: skip
    assert pragmas == {
        "journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1, "trusted_schema": 0
    }  # fmt: skip
    db.close()


def test_a_store_that_would_not_be_durable_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "SYNCHRONOUS_FULL", 3)
    with pytest.raises(StoreNotDurable):
        open_writer(tmp_path / "relay.db")


def test_its_files_are_readable_by_nobody_else(tmp_path):
    db = open_writer(tmp_path / "relay.db")
    db.execute("INSERT INTO logs (created_at) VALUES (1)")
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {
        "relay.db": 0o600, "relay.db-wal": 0o600, "relay.db-shm": 0o600
    }  # fmt: skip
    db.close()


def test_one_in_memory_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    db = open_writer(None)
    db.execute("INSERT INTO logs (created_at) VALUES (1)")
    db.close()
    assert list(tmp_path.iterdir()) == []


def test_opening_again_changes_nothing(tmp_path):
    open_writer(tmp_path / "relay.db").close()
    before = (tmp_path / "relay.db").read_bytes()
    open_writer(tmp_path / "relay.db").close()
    assert (tmp_path / "relay.db").read_bytes() == before


def test_a_store_from_a_newer_program_is_left_alone(tmp_path):
    """Hazard F10."""
    path = tmp_path / "relay.db"
    db = open_writer(path)
    db.execute(f"PRAGMA user_version = {len(list(SCHEMA_DIRECTORY.glob('*.sql'))) + 1}")
    db.close()
    before = path.read_bytes()
    for opens in (open_writer, partial(open_writer, may_migrate=False), open_reader):
        with pytest.raises(StoreNewer):
            opens(path)
    assert path.read_bytes() == before


def test_somebody_elses_file_is_refused(tmp_path):
    text, database_of_others = tmp_path / "text", tmp_path / "others.db"
    text.write_text("not a database at all, but long enough to look at" * 100)
    other = sqlite3.connect(database_of_others)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    for path in (text, database_of_others):
        before = path.read_bytes()
        with pytest.raises(StoreForeign):
            open_writer(path)
        assert path.read_bytes() == before


def test_a_place_that_cannot_hold_a_store_is_refused(tmp_path):
    with pytest.raises(StoreUnusable):
        open_writer(tmp_path / "no such directory" / "relay.db")
    with pytest.raises(StoreUnusable):
        open_reader(tmp_path / "none.db")


def test_a_reader_cannot_write(tmp_path):
    open_writer(tmp_path / "relay.db").close()
    db = open_reader(tmp_path / "relay.db")
    with pytest.raises(sqlite3.OperationalError):
        db.execute("INSERT INTO logs (created_at) VALUES (1)")
    db.close()
