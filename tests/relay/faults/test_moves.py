"""The power goes while a store is migrated, backed up or restored: old or new, and whole. Hazards G6, G11."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

import pytest

from tacit.relay.backups import examine
from tacit.relay.data_dir import DataDir
from tacit.relay.errors import RelayKeyDamaged
from tacit.relay.store import backups, incarnation
from tacit.relay.store.damage import read_entries
from tacit.relay.store.database import FILE_NAME, open_writer
from tests.relay.faults.disks import Disk, Kind
from tests.relay.faults.moved import RESTORED_AT, quiet
from tests.relay.faults.test_power_cut import SHARES, record
from tests.relay.store.test_migrations import NEWEST, version, written_by

KEY = bytes(range(32))
ENTRIES = 5


def cut_everywhere(shim: Path, place: Path, what: str, check, moments: int | None) -> None:
    """Let the power go after each call, or some of them, and look at what is left."""
    disk, did = Disk(place / "disk").holding_what_is_there(), set()
    records = record(shim, place, "moved", what)
    every = range(len(records))
    chosen = {*every} if moments is None else {*random.Random(6).sample(every, moments), every[-1]}
    for moment, happened in enumerate(records):
        if happened.kind is Kind.NOTED:
            did.add(happened.note["did"])
        else:
            disk.apply(happened)
        shares = SHARES if disk.unsure_names > 1 else SHARES[moment % len(SHARES) :][:1]
        if moment in chosen or disk.unsure_names > 1:
            for share in shares:
                disk.cut(place / "left", share=share, seed=moment)
                check(place / "left" / "relay", did)


def old_relay(place: Path) -> None:
    """A store of the first version, in the place where a program will find it."""
    folder = place / "disk" / "relay"
    folder.mkdir(parents=True)
    written_by(1, folder / FILE_NAME)


def relay(place: Path) -> None:
    """A relay's folder with its key and a few entries."""
    old_relay(place)
    folder = place / "disk" / "relay"
    with closing(open_writer(folder / FILE_NAME)) as db:
        incarnation.begin(db, lambda size: bytes(size), None)
    for copy in folder.glob("*.before-*"):
        copy.unlink()
    (folder / "relay.key").write_text(KEY.hex())


def entries(db) -> int:
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    found = list(read_entries(db, 0, 2**62))
    assert not any(entry.damaged for entry in found)
    return len(found)


def check_migrated(folder: Path, did: set[str]) -> None:
    with closing(open_writer(folder / FILE_NAME)) as db:
        assert (version(db), entries(db)) == (NEWEST, ENTRIES)
    copy = folder / "relay.before-2.db"
    if "migrate" in did or copy.exists():
        with closing(backups.connect(f"{copy.as_uri()}?mode=ro")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert db.execute("SELECT count(*) FROM entries").fetchone() == (ENTRIES,)


def check_restored(folder: Path, did: set[str]) -> None:
    backup = folder.with_name("backup")
    if "back up" in did or backup.exists():
        with backups.open_backup(backup) as db:
            assert backups.examine(db, quiet).is_sound
            assert backups.key_of(db) == KEY
    with closing(DataDir.open(folder)) as opened:
        try:
            key = opened.relay_key(lambda size: bytes(size)).reveal()
        except RelayKeyDamaged:
            key = b""
        if key == KEY:
            with closing(open_writer(opened.store_path)) as db:
                assert entries(db) == ENTRIES
                (restored_at,) = db.execute("SELECT restored_at FROM relay").fetchone() or (None,)
                assert restored_at == RESTORED_AT or "restore" not in did
            return
    assert "restore" not in did, "what was restored is there"
    # Between the two the relay does not start; all that there was lies in one of them, and nothing was made up.
    assert key == b"" or not opened.store_path.exists()
    places = [folder / FILE_NAME, folder / "before-restore-1" / FILE_NAME]
    assert any(examine_at(path) for path in places if path.exists())


def examine_at(path: Path) -> bool:
    return examine(path.parent, progress=quiet).is_sound


@pytest.mark.parametrize("moments", [25, pytest.param(None, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("what", "before", "check"), [("migrate", old_relay, check_migrated), ("restore", relay, check_restored)]
)
def test_the_power_goes_while_files_take_the_place_of_others(shim, tmp_path, what, before, check, moments):
    """G6, G11."""
    before(tmp_path)
    cut_everywhere(shim, tmp_path, what, check, moments)
