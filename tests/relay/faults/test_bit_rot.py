"""Bytes of a stopped relay's store change by themselves, anywhere: what is spoilt is told and never served. Hazard G7.

The relay may refuse to start, or to answer, each with a code and a sentence; what it does give out is what was put in.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tacit.errors import RelayError, StorageError
from tacit.net.errors import LinkClosed
from tacit.relay.backups import examine
from tacit.relay.store.database import FILE_NAME
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.peers import Peer, RunningRelay, Someone, commit, key_package, running, to_inbox

ENTRIES = 60


@dataclass
class Kept:
    """What was put into a relay."""

    alice: Someone
    bob: Someone
    log: bytes
    entries: dict[int, tuple[bytes, bytes]]
    inbox: dict[int, tuple[bytes, bytes]]
    key_packages: set[bytes]


async def fill(folder: Path) -> Kept:
    chance = random.Random(7)
    async with running(folder) as world:
        alice, bob = await world.join(handle="alice"), await world.join(Someone.new(), handle="bob")
        log = await alice.create_log()
        added = commit(log, b"add", 0, readers_added=[bob.someone.address])
        entries = {(await alice.ask(added)).seq: (added.message_id, added.payload)}
        for n in range(ENTRIES):
            message_id, payload = b"%16d" % n, chance.randbytes(chance.choice((20, 300, 5000)))
            entries[await (alice, bob)[n % 2].append(log, payload, message_id=message_id)] = (message_id, payload)
        welcome = to_inbox(bob.someone, chance.randbytes(9000))
        inbox = {(await alice.ask(welcome)).seq: (welcome.message_id, welcome.payload)}
        packages = {chance.randbytes(700) for _ in range(20)}
        await bob.ask(pb.PublishKeys(key_packages=[key_package(package) for package in sorted(packages)]))
    return Kept(alice.someone, bob.someone, log, entries, inbox, packages)


def spoil(path: Path, pristine: bytes, chance: random.Random) -> None:
    """Change one byte, or a few in a row, or a sector: anywhere."""
    data = bytearray(pristine)
    size = chance.choice((1, 1, 1, 8, 512))
    at = chance.randrange(len(data) - size)
    data[at : at + size] = bytes(byte ^ chance.randrange(1, 256) for byte in data[at : at + size])
    path.write_bytes(data)


async def look(folder: Path, kept: Kept) -> str:
    """Start a relay on a spoilt store, and ask it everything; what became of it."""
    try:
        async with running(folder) as world:
            return "served" if await ask_all(world, kept) else "refused"
    except StorageError as error:
        return f"not started: {error.code}"


async def ask_all(world: RunningRelay, kept: Kept) -> bool:
    """Whether everything was served; nothing that is served is wrong."""
    well = True
    for someone in (kept.alice, kept.bob):
        try:
            well &= await ask_as(world, someone, kept)
        except errors.UnknownRefusal:
            raise
        except (RelayError, LinkClosed):
            well = False
    return well


async def ask_as(world: RunningRelay, someone: Someone, kept: Kept) -> bool:
    peer = await world.back(someone)
    inbox = someone.certificate.device_id
    states = await peer.listen(kept.log, inbox)
    read = [peer.entries.get_nowait() for _ in range(peer.entries.qsize())]
    well = all(state.readable for state in states)
    for log, expected in ((kept.log, kept.entries), (inbox, kept.inbox)):
        found = [entry for entry in read if entry.log_id == log]
        if found:
            numbers = [entry.seq for entry in found]
            assert numbers == list(range(numbers[0], numbers[-1] + 1)), "what is gone is told, too"
        for entry in found:
            if entry.damaged:
                assert entry.payload == b""
                well = False
            else:
                assert (entry.message_id, entry.payload) == expected[entry.seq]
    await check_keys(peer, kept)
    return well


async def check_keys(peer: Peer, kept: Kept) -> None:
    with suppress(errors.NoKeyPackages):
        claimed = await peer.ask(pb.RecipientKeysRequest(who=pb.Who(account_id=kept.bob.account.id), suite=1))
        for device in claimed.devices:
            if device.HasField("key_package"):
                assert device.key_package.key_package in kept.key_packages


async def spoil_and_look(tmp_path: Path, times: int, seed: int) -> Counter[str]:
    kept = await fill(tmp_path / "relay")
    pristine = (tmp_path / "relay" / FILE_NAME).read_bytes()
    chance, became = random.Random(seed), Counter[str]()
    for _ in range(times):
        shutil.rmtree(tmp_path / "spoilt", ignore_errors=True)
        shutil.copytree(tmp_path / "relay", tmp_path / "spoilt")
        spoil(tmp_path / "spoilt" / FILE_NAME, pristine, chance)
        became[await look(tmp_path / "spoilt", kept)] += 1
    return became


async def test_what_the_disk_has_spoilt_anywhere_is_told_and_never_served(tmp_path: Path) -> None:
    """G7."""
    became = await spoil_and_look(tmp_path, 40, seed=7)
    assert became["served"] > 0
    assert became["refused"] > 0


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_what_the_disk_has_spoilt_at_thousands_of_places_is_told_and_never_served(tmp_path: Path) -> None:
    """G7."""
    became = await spoil_and_look(tmp_path, 3000, seed=77)
    assert {"served", "refused", "not started: store-damaged"} <= became.keys()
    assert sum(became.values()) == 3000


async def test_an_entry_that_is_gone_is_told_to_its_readers_and_to_the_operator(tmp_path: Path) -> None:
    """G7: where the tree of entries was hit, entries are neither there nor marked."""
    kept = await fill(tmp_path)
    assert examine(tmp_path, progress=lambda what, done: None).is_sound
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
        assert db.execute("DELETE FROM entries WHERE position & 4294967295 BETWEEN 20 AND 22").rowcount == 3
    async with running(tmp_path) as world:
        bob = await world.back(kept.bob)
        await bob.listen(kept.log, after=0)
        read = [bob.entries.get_nowait() for _ in range(bob.entries.qsize())]
        assert [entry.seq for entry in read if entry.damaged] == [20, 21, 22]
        assert [entry.seq for entry in read] == list(range(2, max(kept.entries) + 1))
        await bob.append(kept.log, b"behind what notes the damage")
    found = examine(tmp_path, progress=lambda what, done: None)
    assert (found.damaged_entries, found.missing_entries, found.met_entries, found.is_sound) == (0, 3, 3, False)
