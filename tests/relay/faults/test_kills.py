"""``kill -9`` of a relay at any moment, under load and while it starts: what it acknowledged is there, and once.

Hazards G1 and G4 on the relay's side, and the promise that an acknowledged append is on the disk.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tacit.net.errors import LinkClosed
from tacit.wire import relay_pb2 as pb
from tests.relay.faults.relays import Relays
from tests.relay.peers import Peer, Someone, commit, message

pytestmark = pytest.mark.processes


class Author:
    """Writes numbered messages, remembers which were acknowledged, and repeats the others after a crash."""

    def __init__(self, someone: Someone, log: bytes, name: str) -> None:
        self.someone, self.log, self.name = someone, log, name
        self.acknowledged: dict[bytes, int] = {}
        self.open: list[pb.Append] = []
        self._count = 0

    async def write_until_cut(self, peer: Peer, enough: asyncio.Semaphore) -> None:
        waiting = []
        try:
            waiting += [(append, await peer.begin(append)) for append in list(self.open)]
            while not peer.ended.is_set():
                self._count += 1
                append = message(self.log, b"%s %d" % (self.name.encode(), self._count) + bytes(500))
                self.open.append(append)
                waiting.append((append, await peer.begin(append)))
                if len(waiting) > 40:
                    await self._note(*waiting.pop(0), enough)
            await peer.wait_ended()
        except LinkClosed:
            pass
        for append, answer in waiting:
            if answer.done() and answer.exception() is None:
                await self._note(append, answer, enough)

    async def repeat(self, peer: Peer) -> None:
        """Send what was never acknowledged until it is, and some of what was: the answer is the same."""
        for append in list(self.open):
            self.acknowledged[append.message_id] = (await peer.ask(append)).seq

    async def _note(self, append: pb.Append, answer: asyncio.Future, enough: asyncio.Semaphore) -> None:
        seq = (await answer).seq
        assert self.acknowledged.setdefault(append.message_id, seq) == seq
        self.open.remove(append)
        enough.release()


class Collector:
    """Reads a log of its own and acknowledges it, so that the relay drops entries all the time."""

    def __init__(self, someone: Someone, log: bytes) -> None:
        self.someone, self.log = someone, log
        self.collected = 0
        self.one_more = asyncio.Semaphore(0)

    async def collect_until_cut(self, peer: Peer) -> None:
        try:
            await peer.listen(self.log, after=self.collected)
            while True:
                await peer.append(self.log, b"to be dropped" + bytes(300))
                entry = await peer.entry()
                assert entry.seq == self.collected + 1, "a reader trips over no hole"
                self.collected = entry.seq
                self.one_more.release()
                await peer.acknowledge(self.log, entry.seq)
        except LinkClosed:
            pass


@pytest.mark.parametrize("times", [10, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
async def test_what_a_relay_acknowledged_survives_kill_9_at_any_moment_and_is_there_once(tmp_path, times):
    """G1, G4."""
    chance, folder = random.Random(20260101 + times), tmp_path / "relay"
    relays = await Relays.on(folder)
    await relays.start()
    people = [Someone.new() for _ in range(4)]
    first, *others = [await relays.join(someone, known=False) for someone in people]
    log = await first.create_log()
    await first.ask(commit(log, b"add", 0, readers_added=[someone.address for someone in people[1:3]]))
    authors = [Author(someone, log, name) for someone, name in zip(people, "abc", strict=False)]
    collector = Collector(people[3], await others[2].create_log())
    for _ in range(times):
        await one_life(relays, authors, collector, chance)
        check_copy(folder, tmp_path / "copy")
        await start_again(relays, chance)
    again = [await relays.join(author.someone) for author in authors]
    for author, peer in zip(authors, again, strict=True):
        await author.repeat(peer)
    (state,) = await again[0].listen(log)
    entries = await again[0].take(state.last_seq)
    assert [entry.seq for entry in entries] == list(range(1, state.last_seq + 1))
    kept = {entry.message_id: entry.seq for entry in entries[1:]}
    assert kept == {k: v for author in authors for k, v in author.acknowledged.items()}
    assert set(Counter(entry.payload for entry in entries).values()) == {1}
    for author in authors:
        mine = author.name.encode() + b" "
        own = [int(entry.payload[2:].rstrip(b"\0")) for entry in entries if entry.payload.startswith(mine)]
        assert sorted(own) == list(range(1, len(own) + 1))
    assert collector.collected > times / 10
    await relays.close()


async def one_life(relays: Relays, authors: list[Author], collector: Collector, chance: random.Random) -> None:
    """Let everybody write until so much has been acknowledged and collected, and kill the relay in the middle of it."""
    peers = [await relays.join(one.someone) for one in (*authors, collector)]
    enough = asyncio.Semaphore(0)
    pairs = zip(authors, peers, strict=False)
    working = [asyncio.create_task(author.write_until_cut(peer, enough)) for author, peer in pairs]
    working.append(asyncio.create_task(collector.collect_until_cut(peers[-1])))
    for _ in range(chance.randrange(1, 150)):
        await enough.acquire()
    for _ in range(chance.randrange(3)):
        await collector.one_more.acquire()
    relays.kill()
    await asyncio.gather(*working)


async def start_again(relays: Relays, chance: random.Random) -> None:
    """Start a relay; now and then one is killed on its way."""
    if chance.random() < 0.3:
        await relays.begin()
        with suppress(TimeoutError):
            async with asyncio.timeout(chance.random() * 0.1):
                await relays.heard()
        relays.kill()
    await relays.start()


def check_copy(folder: Path, copy: Path) -> None:
    """What the killed relay left is sound; looked at aside, so that the next one finds it as it was left."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for name in ("relay.db", "relay.db-wal"):
        shutil.copy(folder / name, copy / name)
    with closing(sqlite3.connect(copy / "relay.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
