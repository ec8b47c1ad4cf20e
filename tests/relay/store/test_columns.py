from __future__ import annotations

import sqlite3

from tacit.relay.store.columns import COLUMNS
from tacit.relay.store.database import open_writer


def kept(db: sqlite3.Connection) -> set[tuple[str, str]]:
    tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {(table, row[1]) for (table,) in tables.fetchall() for row in db.execute(f"PRAGMA table_info({table})")}


def test_every_column_is_declared_and_every_declared_one_exists(tmp_path):
    db = open_writer(tmp_path / "relay.db")
    assert kept(db) == {(column.table, column.name) for column in COLUMNS}
    db.execute("ALTER TABLE accounts ADD COLUMN last_seen_ip TEXT")
    assert ("accounts", "last_seen_ip") in kept(db) - {(column.table, column.name) for column in COLUMNS}
    db.close()


def test_each_is_declared_once_with_a_purpose_and_a_time():
    assert len({(column.table, column.name) for column in COLUMNS}) == len(COLUMNS)
    assert all(column.purpose and column.kept for column in COLUMNS)
