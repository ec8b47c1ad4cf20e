"""A database as a script that makes it again; the same for SQLite and SQLCipher, and for any order of rows."""

from __future__ import annotations

from typing import Any

HEADER = ("application_id", "user_version")
OWN = "sqlite_sequence"
"""A table that SQLite makes itself, with the first that wants it."""


def dump(db: Any) -> str:
    """Everything in a database, the header's fields included."""
    schema = db.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
    tables = [name for kind, name, _ in schema if kind == "table"]
    lines = [f"PRAGMA {name} = {db.execute(f'PRAGMA {name}').fetchone()[0]};" for name in HEADER]
    lines += ["BEGIN;", *(f"{sql};" for kind, name, sql in schema if kind == "table" and name != OWN)]
    for table in tables:
        lines += _rows(db, table)
    lines += [f"{sql};" for kind, _, sql in schema if kind != "table"]
    return "\n".join([*lines, "COMMIT;", ""])


def counts(db: Any) -> dict[str, int]:
    """How many rows each table has."""
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    return {name: db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables if name != OWN}


def _rows(db: Any, table: str) -> list[str]:
    columns = [row[1] for row in db.execute(f'PRAGMA table_info("{table}")')]
    quoted = " || ',' || ".join(f'quote("{column}")' for column in columns)
    return [f'INSERT INTO "{table}" VALUES({values});' for (values,) in db.execute(f'SELECT {quoted} FROM "{table}"')]
