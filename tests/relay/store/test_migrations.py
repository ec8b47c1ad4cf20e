"""Stores of earlier versions, and what may happen to them on the way."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from tacit.relay.errors import StoreOlder
from tacit.relay.store.damage import read_entries
from tacit.relay.store.database import connect, open_reader, open_writer
from tacit.relay.store.migrations import SCHEMA_DIRECTORY, drop_snapshots, migrate, version

WRITTEN = Path(__file__).parent / "written"
"""What stores of the first schema held, in SQL; whole worlds of later ones are in ``tests/kept``."""

NEWEST = len(list(SCHEMA_DIRECTORY.glob("*.sql")))


def written_by(schema: int, path: Path) -> Path:
    """Make the store that was written with a schema."""
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript((WRITTEN / f"{schema}.sql").read_text())
    db.close()
    return path


def dump(path: Path) -> list[str]:
    db = sqlite3.connect(path)
    lines = [*db.iterdump(), str(version(db))]
    db.close()
    return lines


def test_schema_files_are_applied_in_order_and_once(tmp_path):
    (tmp_path / "0001.sql").write_text("CREATE TABLE a (x INTEGER);")
    (tmp_path / "0002.sql").write_text("ALTER TABLE a ADD COLUMN y INTEGER; INSERT INTO a VALUES (1, 2);")
    db = sqlite3.connect(":memory:", isolation_level=None)
    migrate(db, tmp_path)
    migrate(db, tmp_path)
    assert db.execute("SELECT * FROM a").fetchall() == [(1, 2)]
    assert version(db) == 2
    db.close()


def statements_of(file: Path) -> list[str]:
    """The statements of a schema file, with the comments before them."""
    statements, begun = [], ""
    for line in file.read_text().splitlines(keepends=True):
        begun += line
        if sqlite3.complete_statement(begun):
            statements.append(begun)
            begun = ""
    return statements


@pytest.mark.parametrize("number", range(2, NEWEST + 1))
def test_one_that_is_interrupted_at_any_statement_leaves_the_old_store_and_runs_again(tmp_path, number):
    """Hazard G11."""
    *earlier, file = sorted(SCHEMA_DIRECTORY.glob("*.sql"))[:number]
    for old in earlier:
        shutil.copy(old, tmp_path)
    path = written_by(1, tmp_path / "relay.db")
    db = connect(str(path))
    migrate(db, tmp_path)
    before, statements = dump(path), statements_of(file)
    assert len(statements) > 0
    for done in range(len(statements) + 1):
        (tmp_path / file.name).write_text("".join(statements[:done]) + "SELECT * FROM missing;")
        with pytest.raises(sqlite3.Error):
            migrate(db, tmp_path)
        assert dump(path) == before
    (tmp_path / file.name).write_text("".join(statements))
    migrate(db, tmp_path)
    assert version(db) == number
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()


@pytest.mark.parametrize("schema", sorted(int(file.stem) for file in WRITTEN.glob("*.sql")))
def test_a_store_of_each_earlier_schema_is_brought_up_to_date_and_was_copied_before(tmp_path, schema):
    path = written_by(schema, tmp_path / "relay.db")
    before = dump(path)
    db = open_writer(path)
    assert version(db) == NEWEST
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    entries = list(read_entries(db, 0, 2**62))
    assert len(entries) == 5
    assert not any(entry.damaged for entry in entries)
    db.close()
    copy = tmp_path / f"relay.before-{schema + 1}.db"
    assert dump(copy) == before
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    os.utime(copy, (1000, 1000))
    drop_snapshots(path, made_before_s=1000)
    assert copy.exists()
    drop_snapshots(path, made_before_s=1001)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["relay.db"]


def test_a_relay_is_not_migrated_under_its_feet(tmp_path):
    """A newer program's ``tacit relay invite`` beside a relay of an older version."""
    path = tmp_path / "relay.db"
    db = open_writer(path)
    db.execute(f"PRAGMA user_version = {NEWEST - 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreOlder):
        open_writer(path, may_migrate=False)
    with pytest.raises(StoreOlder):
        open_reader(path)
    assert path.read_bytes() == before
