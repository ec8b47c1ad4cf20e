"""The names in a profile's store and its relay, read at a glance: no lock, no passphrase, nothing written.

Apart from the store and light on purpose, because for completion in a shell it runs at every press of a key. It takes
no lock, so it disturbs nobody who uses the profile at the same time; what it reads may be a moment old. A profile with
a passphrase shows nothing.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tacit.client.paths import profile_paths
from tacit.errors import TacitError

_KEY_CHARS: Final = 64


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What can be named, raw as peers chose it: sanitise before printing."""

    people: tuple[tuple[str, str, str], ...] = ()
    """Local name, handle and status of each contact; the first two may be empty."""
    chats: tuple[tuple[str, str, str], ...] = ()
    """Kind, status and title of each chat."""
    relay: str = ""
    """The link of the profile's relay."""


def glimpse(profile: str, data_dir: Path) -> Glimpse:
    """What can be named in a profile; nothing where it does not exist, is protected or cannot be read."""
    import sqlcipher3.dbapi2 as sqlcipher

    try:
        paths = profile_paths(profile, data_dir)
        key = _bare_key(paths.key_file)
        if not key or not paths.exist():
            return Glimpse()
        with contextlib.closing(sqlcipher.connect(_address(paths.store), uri=True, timeout=0)) as connection:
            connection.execute("PRAGMA cipher_log_level = NONE")
            connection.execute(f"PRAGMA key = \"x'{key}'\"")
            people = _rows(connection, "SELECT name, handle, status FROM contact ORDER BY added_at")
            chats = _rows(connection, "SELECT kind, status, title FROM chat ORDER BY created_at")
            (relay,) = connection.execute("SELECT relay_link FROM profile").fetchone() or ("",)
    except (TacitError, OSError, ValueError, sqlcipher.Error):
        return Glimpse()
    return Glimpse(people, chats, str(relay))


def _bare_key(key_file: Path) -> str:
    """The store's key where the owner chose to have no passphrase, else nothing."""
    how = json.loads(key_file.read_bytes())
    key = how.get("key", "") if how.get("kdf") == "none" and how.get("version") == 1 else ""
    return key if len(key) == _KEY_CHARS and key.isalnum() else ""


def _address(store: Path) -> str:
    """How to open a store that is never written to.

    While a process uses the profile there is an index of the write-ahead log beside it, and reading goes by its locks.
    Where there is none, the file is whole and nobody's, and is read as if it lay on a disk that cannot change: another
    way would leave files behind.
    """
    in_use = store.with_name(f"{store.name}-shm").exists()
    # Not Path.as_uri, which loads more than all the rest of this.
    place = str(store.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{place}?{'mode=ro' if in_use else 'immutable=1'}"


def _rows(connection: Any, query: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((str(one), str(two), str(three)) for one, two, three in connection.execute(query))
