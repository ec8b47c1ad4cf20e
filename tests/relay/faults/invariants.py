"""What a store must hold, whatever happened to the machine: everything that was answered, once, without a hole."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass, field
from typing import Any

from tacit.relay.store import damage, logs
from tacit.relay.store.rows import DeviceRow, NewEntry


@dataclass
class Promises:
    """What a relay has answered so far, by what it noted."""

    registered: set[bytes] = field(default_factory=set)
    appended: dict[tuple[bytes, bytes], tuple[int, str]] = field(default_factory=dict)
    """By log and message ID: the number in the log, and the payload's digest."""
    collected: int = 0
    """As far as readers may have acknowledged the first log; it need not hold what came before."""
    claimed: set[bytes] = field(default_factory=set)

    def take(self, note: dict[str, Any]) -> None:
        """Count one more promise."""
        if "registered" in note:
            self.registered.add(bytes.fromhex(note["registered"]))
        elif "acknowledging" in note:
            self.collected = max(self.collected, note["acknowledging"])
        elif "claimed" in note:
            digest = bytes.fromhex(note["claimed"])
            assert digest not in self.claimed, "a KeyPackage is given out once"
            self.claimed.add(digest)
        else:
            self._append(bytes.fromhex(note["log"]), bytes.fromhex(note["message"]), note["seq"], note["payload"])

    def _append(self, log: bytes, message: bytes, seq: int, payload: str) -> None:
        assert self.appended.setdefault((log, message), (seq, payload))[0] == seq, "a repeat gets the first answer"

    def check(self, db: sqlite3.Connection, first_log: bytes) -> None:
        """Compare a store with what was promised."""
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert self.registered <= {account for (account,) in db.execute("SELECT account_id FROM accounts")}
        free = {digest for (digest,) in db.execute("SELECT digest FROM key_packages WHERE key_package IS NOT NULL")}
        assert not self.claimed & free, "what was given out is not given out again"
        self._check_logs(db, first_log)

    def _check_logs(self, db: sqlite3.Connection, first_log: bytes) -> None:
        wanted: dict[bytes, dict[int, tuple[bytes, str]]] = {}
        for (log_id, message), (seq, payload) in self.appended.items():
            assert seq not in wanted.setdefault(log_id, {}), "two messages have one number"
            wanted[log_id][seq] = (message, payload)
        known = dict(db.execute("SELECT log_id, log FROM logs WHERE log_id IS NOT NULL"))
        assert wanted.keys() <= known.keys()
        for log_id, promised in wanted.items():
            held = check_sequence(db, known[log_id])
            bound = self.collected if log_id == first_log else 0
            for seq, expected in promised.items():
                if seq > bound:
                    assert held[seq][:2] == expected, f"{seq} is gone"
                    _check_repeat(db, log_id, seq, held[seq])


def check_sequence(db: sqlite3.Connection, log: int) -> dict[int, tuple[bytes, str, int]]:
    """What one log holds, once it is clear that no number is missing and none is there twice."""
    last, dropped, commit = db.execute(
        "SELECT last_seq, dropped_seq, last_commit_seq FROM logs WHERE log = ?", (log,)
    ).fetchone()
    held = {}
    for entry in damage.read_entries(db, log << 32, (log << 32) | 0xFFFFFFFF):
        assert not entry.damaged
        held[entry.seq] = (entry.message_id, hashlib.sha256(entry.payload).hexdigest(), int(entry.author))
    assert list(held) == list(range(dropped + 1, last + 1)), "no number is left out"
    assert len({(author, message) for message, _, author in held.values()}) == len(held), "nothing is there twice"
    assert commit <= last
    return held


def _check_repeat(db: sqlite3.Connection, log_id: bytes, seq: int, held: tuple[bytes, str, int]) -> None:
    message, _, author = held
    again = logs.append(db, NewEntry(DeviceRow(author), log_id, None, message, 1, b"", 0))
    assert (again.seq, again.fresh) == (seq, False), "a repeat gets the first answer"
