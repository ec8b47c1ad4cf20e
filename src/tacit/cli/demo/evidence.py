"""What can be found at the relay: its files, its log, its database row by row, and the memory of its process."""

from __future__ import annotations

import base64
import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

DATABASE: Final = "relay.db"
_PIECE: Final = 1 << 20
_WRITABLE: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw")
"""A region of memory that a program writes to, as /proc lists it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the relay keeps of one message."""

    position: int
    payload: bytes


class Relay:
    """The relay of the demo, looked at from outside."""

    def __init__(self, folder: Path, log: Path, pid: int) -> None:
        self.folder, self.log, self.pid = folder, log, pid

    def newest_message(self, author: str, known: frozenset[int]) -> Stored | None:
        """The newest message of somebody among the entries that were not known before."""
        rows = self._rows(
            "SELECT position, payload FROM entries JOIN devices ON device = author JOIN accounts USING (account)"
            " WHERE handle = ? AND kind = 1 ORDER BY received_at_ms DESC, position DESC",
            (author,),
        )
        fresh = [Stored(position, payload) for position, payload in rows if position not in known]
        return fresh[0] if fresh else None

    def positions(self) -> frozenset[int]:
        """The places of all entries."""
        return frozenset(row[0] for row in self._rows("SELECT position FROM entries"))

    def in_files(self, words: Iterable[bytes]) -> set[bytes]:
        """Which of the words stand in a file of the relay, in any spelling of ``spellings``."""
        contents = [path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()]
        return _found(words, contents)

    def in_log(self, words: Iterable[bytes]) -> set[bytes]:
        """Which of the words stand in the relay's log, written at the most talkative level."""
        return _found(words, [self.log.read_bytes()])

    def in_database(self, words: Iterable[bytes]) -> set[bytes]:
        """Which of the words stand in a cell of the database, or in the memory image that SQLite makes of it."""
        with closing(self._open()) as db:
            image = db.serialize()
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            # The names come from the database's own catalogue and are quoted.
            cells = [
                cell if isinstance(cell, bytes) else str(cell).encode()
                for table in tables
                for row in db.execute(f'SELECT * FROM "{table}"')  # noqa: S608
                for cell in row
            ]
        return _found(words, [image, *cells])

    def in_memory(self, words: Iterable[bytes]) -> set[bytes] | None:
        """Which of the words stand in the memory of the relay's process; None where the machine forbids a look."""
        wanted = list(words)
        try:
            return {word for piece in _memory(self.pid) for word in wanted if word in piece}
        except OSError:
            return None

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with closing(self._open()) as db:
            return db.execute(query, tuple(values)).fetchall()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{(self.folder / DATABASE).as_uri()}?mode=ro", uri=True, timeout=10)


def spellings(word: bytes) -> list[bytes]:
    """A word as it may lie somewhere: as it is, wide, as hex, or as base64 at any of the three alignments."""
    aligned = []
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + word)
        # The characters whose six bits all belong to the word.
        aligned.append(text[-(-shift * 8 // 6) : (shift + len(word)) * 8 // 6])
    return [word, word.decode().encode("utf-16-le"), word.hex().encode(), *aligned]


def _found(words: Iterable[bytes], contents: Iterable[bytes]) -> set[bytes]:
    table = {word: spellings(word) for word in words}
    found: set[bytes] = set()
    for content in contents:
        found |= {word for word, forms in table.items() if word not in found and any(form in content for form in forms)}
    return found


def _memory(pid: int) -> Iterable[bytes]:
    """What a process may write to, in pieces. Raises ``OSError``."""
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="ascii", errors="replace")
    with Path(f"/proc/{pid}/mem").open("rb") as memory:
        for line in maps.splitlines():
            region = _WRITABLE.match(line)
            if region is not None:
                yield from _pieces(memory, int(region[1], 16), int(region[2], 16))


def _pieces(memory: BinaryIO, start: int, end: int) -> Iterable[bytes]:
    """One region of memory, in pieces that overlap by more than any word is long."""
    overlap = 256
    for at in range(start, end, _PIECE - overlap):
        try:
            memory.seek(at)
            yield memory.read(min(_PIECE, end - at))
        except (OSError, ValueError, OverflowError):
            return  # a page that no one may read, such as the kernel's own
