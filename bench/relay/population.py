"""Accounts, devices and logs, put straight into the store of a relay that does not run.

The relay lets twenty strangers a second in; a benchmark needs ten thousand devices before it begins. Their keys and
certificates are real, so they log in and write as anybody does.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tacit.crypto.eddsa import ED25519
from tacit.identity import AccountKey, DeviceCertificate
from tacit.limits import ENTRY_OVERHEAD_BYTES
from tacit.relay.data_dir import DataDir
from tacit.relay.store import accounts
from tacit.relay.store.damage import entry_checksum
from tacit.relay.store.database import open_writer
from tacit.relay.store.rows import Needs, Registration, Session

MESSAGE = 1
"""Kind of an ordinary entry, as in ``relay.proto``."""


class Person(msgspec.Struct, frozen=True):
    """An account with one device, and what it needs to log in."""

    account_id: bytes
    device_id: bytes
    private_key: bytes


class Talk(msgspec.Struct, frozen=True):
    """A log, the person who writes it and those who read it, by their places in the population."""

    log_id: bytes
    writer: int
    readers: tuple[int, ...]


class Population(msgspec.Struct, frozen=True):
    """Everybody whom a relay knows, and their conversations by name."""

    people: tuple[Person, ...]
    talks: dict[str, tuple[Talk, ...]]

    @classmethod
    def load(cls, path: Path) -> Population:
        """Read what ``save`` wrote."""
        return msgspec.msgpack.decode(path.read_bytes(), type=cls)

    def save(self, path: Path) -> None:
        """Write it where the load generator finds it; it holds private keys of nobody."""
        path.write_bytes(msgspec.msgpack.encode(self))


@dataclass(frozen=True)
class Shape:
    """So many conversations of a name, each with so many readers besides its writer."""

    name: str
    talks: int
    readers: int
    first: int = 0
    """The place of the first person who takes part; people take part in one conversation of each name."""
    same_people: bool = False
    """Whether all conversations are of the same people instead."""


def populate(folder: Path, people: int, shapes: Sequence[Shape]) -> Population:
    """Make a relay's folder, or fill one further, while no relay runs there."""
    with open_store(folder) as db:
        known = [_register(db) for _ in range(people)]
        talks = {shape.name: tuple(_talks(db, known, shape)) for shape in shapes}
    return Population(tuple(person for person, _ in known), talks)


def fill(folder: Path, population: Population, name: str, entries: int, payload: int) -> None:
    """Put so many messages into each conversation of a name, all from its first reader.

    They count for that reader's account, so the writer may go on to write.
    """
    with open_store(folder) as db:
        for talk in population.talks[name]:
            _fill(db, talk.log_id, population.people[talk.readers[0]].device_id, entries, payload)


def _fill(db: sqlite3.Connection, log_id: bytes, device_id: bytes, entries: int, payload: int) -> None:
    """What ``logs.append`` would have done, for many entries at once."""
    log, last = db.execute("SELECT log, last_seq FROM logs WHERE log_id = ?", (log_id,)).fetchone()
    author = db.execute("SELECT device FROM devices WHERE device_id = ?", (device_id,)).fetchone()[0]
    now_ms = int(time.time() * 1000)

    def rows() -> Iterator[tuple[object, ...]]:
        for seq in range(last + 1, last + 1 + entries):
            row = ((log << 32) + seq, author, os.urandom(16), MESSAGE, os.urandom(payload), now_ms)
            yield *row, entry_checksum(*row)

    db.executemany(
        "INSERT INTO entries (position, author, message_id, kind, payload, received_at_ms, checksum)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        rows(),
    )
    held = (last + entries, entries * payload, log)
    db.execute("UPDATE logs SET last_seq = ?, held_bytes = held_bytes + ? WHERE log = ?", held)
    db.execute("UPDATE readers SET own_seq = ? WHERE log = ? AND device = ?", (last + entries, log, author))
    db.execute(
        "UPDATE accounts SET held_bytes = held_bytes + ?"
        " WHERE account = (SELECT account FROM devices WHERE device = ?)",
        (entries * (payload + ENTRY_OVERHEAD_BYTES), author),
    )


@contextmanager
def open_store(folder: Path) -> Iterator[sqlite3.Connection]:
    """The store of a folder in one transaction, with the relay's key made and its lock held."""
    data_dir = DataDir.open(folder)
    try:
        data_dir.relay_key(os.urandom)
        db = open_writer(data_dir.store_path)
        try:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            db.close()
    finally:
        data_dir.close()


def _register(db: sqlite3.Connection) -> tuple[Person, Session]:
    account, device = AccountKey.generate(os.urandom), ED25519.generate(os.urandom)
    certificate = DeviceCertificate.issue(account, device.public, time.time())
    wish = Registration(
        account_id=account.id,
        account_key=account.public,
        device_id=certificate.device_id,
        device_key=device.public,
        certificate=certificate.encode(),
        certificate_expires_at=certificate.expires_at,
        handle="",
        invite_hash=None,
    )
    accounts.register(db, wish, needs=Needs(), now_s=int(time.time()))
    session = accounts.known_device(db, account.id, certificate.device_id).session
    return Person(account.id, certificate.device_id, device.private), session


def _talks(db: sqlite3.Connection, known: Sequence[tuple[Person, Session]], shape: Shape) -> Iterator[Talk]:
    """Make logs with their readers; straight, since asking for each whether its maker may have one more takes long."""
    for number in range(shape.talks):
        writer = shape.first + (0 if shape.same_people else number * (shape.readers + 1))
        readers = tuple(range(writer + 1, writer + 1 + shape.readers))
        log_id = os.urandom(16)
        log = db.execute(
            "INSERT INTO logs (log_id, maker, created_at) VALUES (?, ?, ?) RETURNING log",
            (log_id, known[writer][1].device, int(time.time())),
        ).fetchone()[0]
        db.executemany(
            "INSERT INTO readers (log, device, start_seq, acked_seq) VALUES (?, ?, 0, 0)",
            [(log, known[who][1].device) for who in (writer, *readers)],
        )
        yield Talk(log_id, writer, readers)
