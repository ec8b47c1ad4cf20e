from __future__ import annotations

import sqlite3
import stat

import pytest

from tacit.relay.errors import StoreForeign, StoreNewer, StoreNotDurable, StoreUnusable
from tacit.relay.store import database
from tacit.relay.store.database import SCHEMA_DIRECTORY, migrate, open_reader, open_writer


def version(db: sqlite3.Connection) -> int:
    return db.execute("PRAGMA user_version").fetchone()[0]


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


def test_schema_files_are_applied_in_order_and_once(tmp_path):
    schema = tmp_path / "schema"
    schema.mkdir()
    (schema / "0001.sql").write_text("CREATE TABLE a (x INTEGER);")
    (schema / "0002.sql").write_text("ALTER TABLE a ADD COLUMN y INTEGER; INSERT INTO a VALUES (1, 2);")
    db = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    migrate(db, schema)
    migrate(db, schema)
    assert db.execute("SELECT * FROM a").fetchall() == [(1, 2)]
    assert version(db) == 2
    db.close()


def test_a_migration_that_is_interrupted_leaves_the_old_store(tmp_path):
    """Hazard G11."""
    schema = tmp_path / "schema"
    schema.mkdir()
    (schema / "0001.sql").write_text("CREATE TABLE a (x INTEGER);")
    db = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    migrate(db, schema)
    (schema / "0002.sql").write_text("ALTER TABLE a ADD COLUMN y INTEGER; INSERT INTO missing VALUES (1);")
    with pytest.raises(sqlite3.Error):
        migrate(db, schema)
    assert version(db) == 1
    assert [row[1] for row in db.execute("PRAGMA table_info(a)")] == ["x"]
    (schema / "0002.sql").write_text("ALTER TABLE a ADD COLUMN y INTEGER;")
    migrate(db, schema)
    assert version(db) == 2
    db.close()


def test_a_store_from_a_newer_program_is_left_alone(tmp_path):
    """Hazard F10."""
    path = tmp_path / "relay.db"
    db = open_writer(path)
    db.execute(f"PRAGMA user_version = {len(list(SCHEMA_DIRECTORY.glob('*.sql'))) + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreNewer):
        open_writer(path)
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
