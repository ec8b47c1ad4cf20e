"""Backup and restore as an operator handles them, and the examination of what is there.

A backup is one file with everything that a relay needs to go on: the store and the relay key. It is made while the
relay runs. A restored relay is a new *incarnation*: it has forgotten what happened since, and says so to its clients.
"""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from pathlib import Path

from tacit.entropy import Entropy, system_entropy
from tacit.relay.admin.diary import DIRECT, note
from tacit.relay.data_dir import ASIDE, KEY_FILE, UNFINISHED, DataDir, leave_to_owner, load_key, write_key
from tacit.relay.errors import BackupDamaged, BackupExists, DataThere, NoStore
from tacit.relay.store import backups, incarnation
from tacit.relay.store.backups import Contents, Progress
from tacit.relay.store.database import FILE_NAME, open_reader
from tacit.relay.store.migrations import sync


def back_up(data_dir: Path, target: Path, *, now_s: int, progress: Progress) -> Contents:
    """Write a backup and read it back; returns what is in it.

    Raises ``NoStore``, ``BackupExists``, ``BackupFailed``, ``BackupDamaged`` or ``RelayKeyDamaged``.
    """
    path = _store(data_dir)
    if target.exists():
        raise BackupExists
    key = load_key(data_dir / KEY_FILE).reveal()
    with backups.writing():
        backups.copy(path, target, key, now_s, progress)
    try:
        with backups.open_backup(target) as db:
            contents = backups.examine(db, progress)
            if contents.problems or backups.key_of(db) != key:
                raise BackupDamaged(contents.problems[0] if contents.problems else "")
    except BaseException:
        target.unlink()
        raise
    note("backup-made", DIRECT)
    return contents


def restore(
    source: Path, data_dir: Path, *, force: bool, now_s: int, progress: Progress, entropy: Entropy = system_entropy
) -> tuple[Contents, Path | None]:
    """Make a backup the data of a relay that does not run; returns what it holds, and where earlier data was moved.

    Raises ``AlreadyRunning``, ``DataThere`` without ``force``, ``NotABackup``, ``StoreNewer``, ``BackupDamaged`` or
    ``BackupFailed``. The earlier data stays in its place unless all went well.
    """
    with closing(DataDir.open(data_dir)) as folder:
        earlier = folder.files()
        if earlier and not force:
            raise DataThere
        unfinished = data_dir / UNFINISHED
        with backups.writing():
            try:
                _copy(source, unfinished)
                with backups.open_backup(unfinished) as db:
                    contents, key = backups.examine(db, progress), backups.key_of(db)
                if contents.problems:
                    raise BackupDamaged(contents.problems[0])
                backups.revive(unfinished, entropy(incarnation.SIZE_BYTES), now_s)
                sync(unfinished)
                aside = _move_aside(data_dir, earlier)
                # In this order, so that a relay which is started in between finds a store without a key, and refuses.
                unfinished.rename(folder.store_path)
                write_key(data_dir / KEY_FILE, key)
            finally:
                unfinished.unlink(missing_ok=True)
    note("restore", DIRECT)
    return contents, aside


def examine(data_dir: Path, *, progress: Progress) -> Contents:
    """Read everything that a relay keeps and compare it with its checksums, beside the relay if it runs."""
    with closing(open_reader(_store(data_dir))) as db:
        return backups.examine(db, progress)


def _store(data_dir: Path) -> Path:
    path = data_dir / FILE_NAME
    if not path.is_file():
        raise NoStore
    return path


def _copy(source: Path, target: Path) -> None:
    """Copy a file for the eyes of its owner only."""
    for left in (target, target.with_name(f"{target.name}-journal")):  # by one that was interrupted
        left.unlink(missing_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with source.open("rb") as reader, os.fdopen(descriptor, "wb") as writer:
        leave_to_owner(descriptor, target.parent)
        shutil.copyfileobj(reader, writer, 1 << 20)


def _move_aside(data_dir: Path, files: list[Path]) -> Path | None:
    """Move what is there into a new folder beside it; nothing is deleted."""
    if not files:
        return None
    numbers = [int(path.name.removeprefix(ASIDE)) for path in data_dir.glob(f"{ASIDE}[0-9]*")]
    aside = data_dir / f"{ASIDE}{max(numbers, default=0) + 1}"
    aside.mkdir(mode=0o700)
    for path in files:
        path.rename(aside / path.name)
    sync(aside)
    sync(data_dir)
    return aside
