"""The power goes, at any moment: what the relay has answered is there when it comes back. Hazard G6.

One run of relays that are killed, and whose disk fails now and then, is recorded by ``disk.c`` call by call. After each
call the power may go; what the disk may then hold is opened by the relay's own code and compared with all that had been
answered by that moment.
"""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tacit.relay.data_dir import DataDir
from tacit.relay.store.database import open_writer
from tests.relay.faults.disks import Control, Disk, Kind, Record, environment, read_log
from tests.relay.faults.invariants import Promises

SHARES = (0.0, 0.5, 0.9, 1.0)
"""How much of what was not synced had reached the disk: nothing, some of it, all of it."""


@dataclass(frozen=True)
class Recording:
    """What a disk was asked for, and by whom."""

    folder: Path
    records: list[Record]
    first_log: bytes


def record(shim: Path, place: Path, program: str, *arguments: str) -> list[Record]:
    """Run a program of this folder on ``place/relay`` and return what its disk was asked for."""
    folder, log, control = place / "disk" / "relay", place / "log", Control(place / "control")
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", f"tests.relay.faults.{program}", str(folder), str(control.path), *arguments]
    told = environment(shim, place / "disk", log=log, control=control.path)
    done = subprocess.run(command, env=told, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return read_log(log)


def record_lives(shim: Path, place: Path, seed: int) -> Recording:
    records = record(shim, place, "recorded", str(seed))
    first = next(record.note["log"] for record in records if record.kind is Kind.NOTED and "log" in record.note)
    return Recording(place / "disk", records, bytes.fromhex(first))


def cut_everywhere(recording: Recording, into: Path, moments: set[int], *, seed: int) -> int:
    """Let the power go after each of these calls; returns how much had been promised at the end."""
    disk, promises = Disk(recording.folder, seed=seed), Promises()
    for moment, happened in enumerate(recording.records):
        if happened.kind is Kind.NOTED:
            promises.take(happened.note)
        else:
            disk.apply(happened)
        if moment in moments:
            disk.cut(into, share=SHARES[moment % len(SHARES)], seed=seed + moment)
            check_start(into / "relay", promises, recording.first_log)
    return len(promises.appended)


def check_start(folder: Path, promises: Promises, first_log: bytes) -> None:
    """Open what the cut has left as a relay does, and look through it."""
    with closing(DataDir.open(folder)) as opened:
        if promises.registered:
            assert (folder / "relay.key").exists(), "the relay's identity is on the disk before anybody registers"
        opened.relay_key(lambda size: bytes(size))
        with closing(open_writer(opened.store_path)) as db:
            promises.check(db, first_log)


def kinds(recording: Recording) -> set[Kind]:
    return {record.kind for record in recording.records}


def test_g6_after_a_power_cut_at_any_of_these_moments_everything_answered_is_there(shim, tmp_path):
    recording = record_lives(shim, tmp_path, seed=6)
    assert kinds(recording) >= {Kind.WRITTEN, Kind.SYNCED, Kind.SYNC_FAILED, Kind.TRUNCATED, Kind.SYNCED_NAMES}
    moments = set(random.Random(6).sample(range(len(recording.records)), 60))
    assert cut_everywhere(recording, tmp_path / "left", moments, seed=6) > 100


def test_what_a_failed_sync_refused_cannot_take_along_what_is_answered_after_a_restart(shim, tmp_path):
    """The page cache goes on showing the refused transaction, of which the disk has a part; a new relay finds it."""
    records = record(shim, tmp_path, "refused")
    assert [record.note["made"] for record in records if record.kind is Kind.NOTED] == [1, 3]
    assert Kind.SYNC_FAILED in {record.kind for record in records}
    for seed in range(20):
        disk = Disk(tmp_path / "disk", seed=seed)
        for happened in records:
            if happened.kind is not Kind.NOTED:
                disk.apply(happened)
        disk.cut(tmp_path / "left", share=0, seed=seed)
        with closing(open_writer(tmp_path / "left" / "relay" / "relay.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            made = dict(db.execute("SELECT created_at, count(*) FROM logs GROUP BY 1"))
        assert (made[1], made.get(2, 80), made[3]) == (80, 80, 80), "all or nothing of what was refused"


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(1, 5))
def test_after_a_power_cut_at_every_moment_everything_answered_is_there(shim, tmp_path, seed):
    recording = record_lives(shim, tmp_path, seed)
    cut_everywhere(recording, tmp_path / "left", set(range(len(recording.records))), seed=seed)
