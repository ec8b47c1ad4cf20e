"""Looks for words and keys in files, logs, databases and the memory of processes, in every spelling they could have."""

from __future__ import annotations

import base64
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

PIECE_BYTES = 1 << 20
OVERLAP_BYTES = 1 << 10


def spellings(secret: bytes) -> Iterator[bytes]:
    """As it is, in the ways that Python holds text, in hex and in base64 at any alignment."""
    yield secret
    try:
        text = secret.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        yield text.encode("utf-16-le")
        yield text.encode("utf-32-le")
        yield text.encode("unicode_escape")
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    yield repr(secret)[2:-1].encode()
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(bytes(shift) + secret)
            # Only characters whose six bits all come from the secret.
            yield encoded[-(-shift * 8 // 6) : (shift + len(secret)) * 8 // 6]


def found_in(content: bytes, secrets: Mapping[str, bytes]) -> set[str]:
    """The names of the secrets that stand in some content."""
    return {name for name, secret in secrets.items() if any(form in content for form in set(spellings(secret)))}


def found_in_files(paths: Iterable[Path], secrets: Mapping[str, bytes]) -> dict[str, set[str]]:
    """The names of the secrets that stand in files, by file."""
    found = {path.name: found_in(path.read_bytes(), secrets) for path in paths if path.is_file()}
    return {name: names for name, names in found.items() if names}


def dump(database: Path) -> bytes:
    """Every row of a database as SQL."""
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    try:
        return "\n".join(connection.iterdump()).encode()
    finally:
        connection.close()


def found_in_memory(pid: int, secrets: Mapping[str, bytes]) -> set[str]:
    """The names of the secrets that lie in memory that a process has written to."""
    forms = {name: set(spellings(secret)) for name, secret in secrets.items()}
    found: set[str] = set()
    for piece in _memory(pid):
        found |= {name for name, ways in forms.items() if name not in found and any(way in piece for way in ways)}
    return found


def _memory(pid: int) -> Iterator[bytes]:
    regions = Path(f"/proc/{pid}/maps").read_text("utf-8", "replace").splitlines()
    try:
        memory = Path(f"/proc/{pid}/mem").open("rb", buffering=0)  # noqa: SIM115 - closed below
    except PermissionError:
        pytest.skip("this machine lets nobody look into the memory of another process")
    with memory:
        for region in regions:
            place = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", region)
            if place is None:
                continue
            at, end = int(place[1], 16), int(place[2], 16)
            while at < end:
                try:
                    memory.seek(at)
                    piece = memory.read(min(PIECE_BYTES + OVERLAP_BYTES, end - at))
                except (OSError, OverflowError, ValueError):
                    break  # a page that was never there, or the kernel's own
                if not piece:
                    break
                yield piece
                at += PIECE_BYTES
