"""Backup beside a running relay, restore into a stopped one, and what does not come back."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tacit.limits import RETURN_WAIT_S
from tacit.relay.backups import back_up, examine, restore
from tacit.relay.data_dir import DataDir
from tacit.relay.errors import (
    AlreadyRunning,
    BackupDamaged,
    BackupExists,
    BackupFailed,
    DataThere,
    NoStore,
    NotABackup,
    RelayKeyDamaged,
    StoreForeign,
    StoreNewer,
)
from tacit.relay.store.database import open_writer
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.peers import RunningRelay, commit, key_package, running, to_inbox

NOW_S = 2_000_000_000


def quietly(what: str, done: float) -> None:
    assert what in {"copy", "check"}
    assert 0 <= done <= 1


make = partial(back_up, now_s=NOW_S, progress=quietly)
put_back = partial(restore, force=False, now_s=NOW_S, progress=quietly)


async def talk(world: RunningRelay, log: bytes = b"") -> None:
    alice, bob = await world.join(handle="alice"), await world.join(handle="bob")
    log = await alice.create_log()
    await alice.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
    await alice.append(log, b"one")
    await alice.ask(to_inbox(bob.someone, b"welcome"))
    once, ever = key_package(b"once"), key_package(b"ever", last_resort=True)
    await bob.ask(pb.PublishKeys(key_packages=[once, ever]))


async def test_a_backup_beside_a_running_relay_holds_one_moment_of_everything_and_its_key(tmp_path):
    data, file = tmp_path / "relay", tmp_path / "backup"
    async with running(data) as world:
        await talk(world)
        writer = await world.join()
        log = await writer.create_log()
        ended = asyncio.Event()

        async def write() -> int:
            count = 0
            while not ended.is_set():
                count = await writer.append(log, os.urandom(2000))
            return count

        writing = asyncio.create_task(write())
        made = await asyncio.to_thread(make, data, file)
        ended.set()
        written = await writing
        assert world.relay.fingerprint
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "relay"], "nothing unfinished is left"
    assert (made.accounts, made.conversations, made.key_packages, made.is_sound) == (3, 2, 2, True)
    assert 3 <= made.entries <= 3 + written
    with closing(sqlite3.connect(file)) as db:
        seqs = [seq for (seq,) in db.execute("SELECT position & 4294967295 FROM entries WHERE length(payload) = 2000")]
        assert seqs == list(range(1, made.entries - 2))
        (key,) = db.execute("SELECT relay_key FROM backup").fetchone()
        assert key.hex() == (data / "relay.key").read_text().strip()


async def test_a_restored_relay_is_the_same_one_in_a_new_incarnation(tmp_path, caplog):
    """It goes by the same key, knows everybody, and gives out no KeyPackage that may have served."""
    data, file, other = tmp_path / "relay", tmp_path / "backup", tmp_path / "other"
    async with running(data) as world:
        fingerprint = world.relay.fingerprint
        alice, bob = await world.join(handle="alice"), await world.join(handle="bob")
        log = await alice.create_log()
        await alice.append(log, b"one")
        once, ever = key_package(b"once"), key_package(b"ever", last_resort=True)
        await bob.ask(pb.PublishKeys(key_packages=[once, ever]))
        make(data, file)
        asks = pb.RecipientKeysRequest(who=pb.Who(handle="bob"), suite=1)
        await alice.ask(asks)
        await alice.append(log, b"two")
        first = (await (await world.connect()).login(alice.someone)).incarnation
    async with running(data) as world:
        assert (await (await world.connect()).login(alice.someone)).incarnation == first, "a restart is no new life"
    caplog.set_level("INFO")
    put_back(file, other)
    assert "operator-did kind='restore' way='direct'" in caplog.messages
    assert "waits-after-restore" not in caplog.text
    async with running(other) as world:
        assert f"waits-after-restore delay_s={RETURN_WAIT_S}" in caplog.messages
        assert world.relay.fingerprint == fingerprint
        back = await world.connect()
        incarnation = (await back.login(alice.someone)).incarnation
        assert len(incarnation) == 16
        assert incarnation != first
        (state,) = await back.listen(log)
        assert (state.last_seq, state.own_last_seq) == (1, 1)
        bob_back = await world.connect()
        told = await bob_back.login(bob.someone)
        assert (told.one_time_key_packages, told.last_resort_used) == (0, True)
        left = await bob_back.ask(pb.PublishKeys(key_packages=[once]))
        assert left.one_time_key_packages == 0, "what may have served does not come back"
        claimed = await back.ask(asks)
        assert claimed.devices[0].key_package.last_resort
    for path in other.iterdir():
        assert b"once" not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_what_root_puts_back_belongs_to_whose_folder_it_is(tmp_path, monkeypatch):
    """Else the relay's own user could not start it."""
    async with running(tmp_path / "relay") as world:
        await talk(world)
    make(tmp_path / "relay", tmp_path / "backup")
    given: dict[str, tuple[int, int]] = {}
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    opened = Path("/proc/self/fd")
    monkeypatch.setattr(os, "fchown", lambda made, *owner: given.update({str((opened / str(made)).readlink()): owner}))
    data = tmp_path / "new"
    data.mkdir()
    put_back(tmp_path / "backup", data)
    owner = (data.stat().st_uid, data.stat().st_gid)
    assert given == {str(data / name): owner for name in ("relay.lock", "relay.db.restored", "relay.new")}


async def test_data_that_is_there_is_refused_or_moved_aside(tmp_path):
    data, file = tmp_path / "relay", tmp_path / "backup"
    async with running(data) as world:
        await talk(world)
        make(data, file)
        with pytest.raises(AlreadyRunning):
            put_back(file, data, force=True)
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    with pytest.raises(DataThere):
        put_back(file, data)
    file.with_name("text").write_text("not a backup at all, but long enough to look at" * 100)
    for bad in (data / "relay.db", file.with_name("text")):
        with pytest.raises(NotABackup):
            put_back(bad, data, force=True)
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before, "all of it or nothing"
    for number in (1, 2):
        _, aside = put_back(file, data, force=True)
        assert aside == data / f"before-restore-{number}"
    assert (data / "before-restore-1" / "relay.db").read_bytes() == before["relay.db"]
    async with running(data) as world:
        with pytest.raises(errors.HandleTaken):
            await world.join(handle="alice")


async def test_a_damaged_backup_is_not_restored_and_one_of_a_newer_program_neither(tmp_path):
    data, file, other = tmp_path / "relay", tmp_path / "backup", tmp_path / "other"
    async with running(data) as world:
        await talk(world)
    make(data, file)
    with closing(sqlite3.connect(file)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'entries'").fetchone()
    intact = file.read_bytes()
    at = (page - 1) * 4096
    file.write_bytes(intact[:at] + b"\xff" * 200 + intact[at + 200 :])
    with pytest.raises(BackupDamaged):
        put_back(file, other)
    file.write_bytes(intact)
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 1000")
    with pytest.raises(StoreNewer):
        put_back(file, other)
    assert [path.name for path in other.iterdir()] == ["relay.lock"]


async def test_what_the_disk_has_spoilt_before_is_counted_and_carried_over_as_it_is(tmp_path):
    data, file = tmp_path / "relay", tmp_path / "backup"
    async with running(data) as world:
        await talk(world)
    with closing(sqlite3.connect(data / "relay.db", isolation_level=None)) as db:
        db.execute("UPDATE entries SET payload = x'00' WHERE payload = ?", (b"one",))
        db.execute("UPDATE key_packages SET key_package = x'00' WHERE key_package = ?", (b"ever",))
    found = examine(data, progress=quietly)
    assert (found.damaged_entries, found.damaged_key_packages, found.problems, found.is_sound) == (1, 1, (), False)
    assert make(data, file) == found
    restored, _ = put_back(file, tmp_path / "other")
    assert restored == found


def test_no_relay_starts_on_a_backup_by_mistake(tmp_path):
    data = tmp_path / "relay"
    DataDir.open(data).close()
    open_writer(data / "relay.db").close()
    with pytest.raises(RelayKeyDamaged):
        make(data, tmp_path / "no key")
    (data / "relay.key").write_text("00" * 32)
    make(data, tmp_path / "backup")
    with pytest.raises(BackupExists):
        make(data, tmp_path / "backup")
    with pytest.raises(BackupFailed):
        make(data, tmp_path / "missing" / "backup")
    with pytest.raises(NoStore):
        make(tmp_path, tmp_path / "backup of nothing")
    with pytest.raises(StoreForeign):
        open_writer(tmp_path / "backup")
    assert sorted(path.name for path in Path(tmp_path).iterdir()) == ["backup", "relay"]
