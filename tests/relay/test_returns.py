"""What a restored relay lacks: put back at its old place, by its readers only, and nothing new before it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tacit import limits
from tacit.limits import RETENTION_S, RETURN_WAIT_S
from tacit.relay import logs
from tacit.relay.backups import back_up, restore
from tacit.relay.store import Store, departures, returns
from tacit.relay.sweeping import sweep_once
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.peers import Moves, Peer, RunningRelay, Someone, commit, message, running, to_inbox

NOW_S = 2_000_000_000
make = partial(back_up, now_s=NOW_S, progress=lambda what, done: None)
put_back = partial(restore, force=True, now_s=NOW_S, progress=lambda what, done: None)

MESSAGE, COMMIT = pb.ENTRY_KIND_MESSAGE, pb.ENTRY_KIND_COMMIT


def lost(log: bytes, seq: int, payload: bytes, *, kind: Any = MESSAGE, **more: Any) -> pb.BringBack:
    message_id = payload.ljust(16, b".")
    return pb.BringBack(log_id=log, message_id=message_id, seq=seq, kind=kind, payload=payload, **more)


class Restored:
    """Alice and Bob share a log of three entries; the backup has the first two."""

    world: RunningRelay
    log: bytes
    alice: Peer
    bob: Peer
    clock: Moves
    data: Path

    @property
    def store(self) -> Store:
        store = self.world.relay._context.store
        assert store is not None
        return store

    async def state(self, peer: Peer) -> pb.LogState:
        (state,) = await peer.listen(self.log, after=2**32 - 2)
        return state

    async def say_there_is_no_more(self, *peers: Peer) -> None:
        for peer in peers:
            assert await peer.ask(pb.BringBack(log_id=self.log)) == pb.BroughtBack()


@asynccontextmanager
async def restored(tmp_path: Path, **options: Any) -> AsyncIterator[Restored]:
    data, file = tmp_path / "relay", tmp_path / "backup"
    after = Restored()
    after.data = data
    async with running(data) as world:
        alice, bob = await world.join(), await world.join()
        after.log = await alice.create_log()
        await alice.ask(commit(after.log, b"add bob", 0, readers_added=[bob.someone.address]))
        await alice.append(after.log, b"kept")
        make(data, file)
        await alice.ask(message(after.log, b"lost", message_id=b"lost".ljust(16, b".")))
    put_back(file, data)
    after.clock = Moves()
    async with running(data, clock=after.clock, **options) as world:
        after.world = world
        after.alice, after.bob = await world.back(alice.someone), await world.back(bob.someone)
        yield after


async def test_a_log_says_where_it_ended_and_that_it_is_held(tmp_path):
    async with restored(tmp_path) as relay:
        state = await relay.state(relay.alice)
        assert (state.last_seq, state.restored_seq, state.held, state.since_seq) == (2, 2, True, 0)
        assert (await relay.state(relay.bob)).since_seq == 1
        with pytest.raises(errors.Restoring) as refused:
            await relay.alice.append(relay.log, b"new")
        assert refused.value.retry_after_s


async def test_an_entry_comes_back_at_its_number_once_whoever_brings_it(tmp_path):
    async with restored(tmp_path) as relay:
        await relay.alice.listen(relay.log, after=2)
        entry = lost(relay.log, 3, b"lost", author=relay.alice.someone.address)
        assert (await relay.bob.ask(entry)).seq == 3
        assert (await relay.alice.ask(entry)).seq == 3
        pushed = await relay.alice.entry()
        assert (pushed.seq, pushed.payload, pushed.message_id) == (3, b"lost", entry.message_id)
        # Its author may never have heard that it arrived, and sends it again.
        await relay.say_there_is_no_more(relay.alice, relay.bob)
        again = message(relay.log, b"lost", message_id=entry.message_id)
        assert (await relay.alice.ask(again)).seq == 3


async def test_what_was_brought_back_and_has_gone_takes_little_room(tmp_path, monkeypatch):
    """Hazard H6: whoever brings back what never was, and fetches it, holds nothing that counts in a quota."""
    monkeypatch.setattr(limits, "MAX_BROUGHT_KEPT", 8)
    async with restored(tmp_path) as relay:
        logs = [os.urandom(16) for _ in range(2)]
        for log, entries in zip(logs, (30, 3), strict=True):
            await relay.alice.ask(pb.CreateLog(log_id=log, again=True))
            for seq in range(1, entries + 1):
                await relay.alice.ask(lost(log, seq, b"%d" % seq))
                await relay.alice.acknowledge(log, seq)
        assert await brought(relay, logs[0]) == 8
        assert (await relay.alice.ask(lost(logs[0], 99, b"30"))).seq == 30, "the latest are known"
        own = relay.alice.someone.address
        removal = lost(logs[1], 4, b"bye", kind=COMMIT, readers_removed=[own])
        assert await brought(relay, logs[1]) == 3
        await relay.alice.ask(removal)
        await relay.alice.acknowledge(logs[1], 4)
        assert await relay.store.query(lambda db: db.execute("SELECT count(*) FROM brought").fetchone()) == (8,)


async def brought(relay: Restored, log: bytes) -> int:
    asked = "SELECT count(*) FROM brought JOIN logs USING (log) WHERE log_id = ?"
    return (await relay.store.query(lambda db: db.execute(asked, (log,)).fetchone()))[0]


async def test_what_others_say_that_somebody_wrote_is_not_held_against_it(tmp_path):
    """A client whose own entries go further than its store knows believes that it is an old copy, and stops writing."""
    async with restored(tmp_path) as relay:
        alice = relay.alice.someone.address
        await relay.alice.listen(relay.log, after=2)
        await relay.bob.ask(lost(relay.log, 3, b"not hers", author=alice))
        assert not (await relay.alice.entry()).own
        assert (await relay.state(relay.alice)).own_last_seq == 2
        await relay.alice.listen(relay.log, after=3)
        await relay.alice.ask(lost(relay.log, 4, b"hers", author=alice))
        assert (await relay.alice.entry()).own
        assert (await relay.state(relay.alice)).own_last_seq == 4
        await relay.alice.listen(relay.log, after=1)
        assert [entry.own for entry in await relay.alice.take(3)] == [True, False, True], "from the disk, too"


async def test_one_whose_author_nobody_knows_is_known_by_its_id(tmp_path):
    async with restored(tmp_path) as relay:
        stranger = Someone.new().address
        assert (await relay.bob.ask(lost(relay.log, 3, b"lost", author=stranger))).seq == 3
        assert (await relay.alice.ask(lost(relay.log, 3, b"lost"))).seq == 3
        assert (await relay.state(relay.alice)).last_seq == 3


async def test_what_comes_before_has_to_come_first_until_the_time_is_over(tmp_path):
    async with restored(tmp_path) as relay:
        with pytest.raises(errors.Restoring):
            await relay.bob.ask(lost(relay.log, 5, b"fifth"))
        relay.clock.forward(RETURN_WAIT_S)
        assert await relay.alice.append(relay.log, b"new") == 3
        assert (await relay.bob.ask(lost(relay.log, 5, b"fifth"))).seq == 4


async def test_the_log_is_free_as_soon_as_nobody_has_more(tmp_path):
    async with restored(tmp_path) as relay:
        await relay.say_there_is_no_more(relay.alice)
        with pytest.raises(errors.Restoring):
            await relay.alice.append(relay.log, b"new")
        await relay.say_there_is_no_more(relay.bob)
        assert not (await relay.state(relay.alice)).held
        assert await relay.alice.append(relay.log, b"new") == 3


async def test_only_a_reader_brings_something_back_and_only_until_its_last_word(tmp_path):
    async with restored(tmp_path) as relay:
        mallory = await relay.world.join()
        with pytest.raises(errors.NotAReader):
            await mallory.ask(lost(relay.log, 3, b"forged"))
        for peer in (relay.alice, relay.bob):
            await peer.acknowledge(relay.log, 2)
        with pytest.raises(errors.NotAReader):  # how far a log has been read is for its readers
            await mallory.ask(lost(relay.log, 1, b"forged"))
        with pytest.raises(errors.UnknownLog):
            await relay.bob.ask(lost(b"l" * 16, 1, b"forged"))
        await relay.say_there_is_no_more(relay.bob)
        with pytest.raises(errors.NotAReader):
            await relay.bob.ask(lost(relay.log, 3, b"forged"))


async def test_where_nothing_was_restored_nothing_is_brought_back(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join()
        log = await alice.create_log()
        with pytest.raises(errors.NotAReader):
            await alice.ask(lost(log, 1, b"forged"))
        with pytest.raises(errors.UnknownLog):
            await alice.ask(pb.CreateLog(log_id=b"l" * 16, again=True))


async def test_readers_change_with_the_commits_that_come_back(tmp_path):
    async with restored(tmp_path) as relay:
        carol, bob = await relay.world.join(), relay.bob.someone.address
        added = lost(relay.log, 3, b"add", kind=COMMIT, readers_added=[carol.someone.address], readers_removed=[bob])
        await relay.alice.ask(added)
        assert (await relay.state(carol)).since_seq == 3
        with pytest.raises(errors.NotAReader):
            await relay.bob.ask(lost(relay.log, 4, b"too late"))
        await relay.say_there_is_no_more(relay.alice)
        with pytest.raises(errors.Restoring):  # she may have read more than alice
            await relay.alice.append(relay.log, b"new")
        assert (await carol.ask(lost(relay.log, 4, b"carol's"))).seq == 4
        await relay.say_there_is_no_more(carol)
        assert await relay.alice.append(relay.log, b"new") == 5


async def test_a_device_that_is_not_registered_any_more_becomes_a_reader_when_it_is(tmp_path):
    async with restored(tmp_path) as relay:
        dave, erin = Someone.new(), Someone.new()
        added = lost(relay.log, 3, b"add", kind=COMMIT, readers_added=[dave.address, erin.address])
        await relay.alice.ask(added)
        await relay.alice.ask(lost(relay.log, 4, b"hi both"))
        await relay.alice.ask(lost(relay.log, 5, b"remove", kind=COMMIT, readers_removed=[erin.address]))
        await relay.alice.ask(lost(relay.log, 6, b"hi dave"))
        for peer in (relay.alice, relay.bob):
            await peer.acknowledge(relay.log, 6)
        assert (await relay.state(relay.alice)).held
        his, hers = await relay.world.join(dave), await relay.world.join(erin)
        await his.listen(relay.log, after=3)
        await hers.listen(relay.log, after=3)
        assert [entry.seq for entry in await his.take(3)] == [4, 5, 6]
        assert [entry.seq for entry in await hers.take(2)] == [4, 5]
        assert (await relay.state(hers)).last_seq == 5


async def test_a_commit_in_whose_place_a_new_one_came_is_refused(tmp_path):
    async with restored(tmp_path) as relay:
        relay.clock.forward(RETURN_WAIT_S)
        assert (await relay.alice.ask(lost(relay.log, 3, b"first", kind=COMMIT))).seq == 3
        assert (await relay.bob.ask(lost(relay.log, 4, b"second", kind=COMMIT))).seq == 4
        await relay.alice.ask(commit(relay.log, b"new", 4))
        with pytest.raises(errors.CommitConflict):
            await relay.bob.ask(lost(relay.log, 5, b"third", kind=COMMIT))
        assert (await relay.bob.ask(lost(relay.log, 5, b"only text"))).seq == 6


async def test_a_log_that_the_backup_lacks_is_made_again_and_held(tmp_path):
    async with restored(tmp_path) as relay:
        log = b"l" * 16
        await relay.alice.ask(pb.CreateLog(log_id=log, again=True))
        with pytest.raises(errors.Restoring):
            await relay.alice.append(log, b"new")
        added = lost(log, 1, b"add bob", kind=COMMIT, readers_added=[relay.bob.someone.address])
        assert (await relay.alice.ask(added)).seq == 1
        assert (await relay.bob.ask(lost(log, 2, b"bob's"))).seq == 2


def held_by(relay: Restored, someone: Someone) -> int:
    """What counts for an account."""
    with closing(sqlite3.connect(relay.data / "relay.db")) as db:
        (held,) = db.execute("SELECT held_bytes FROM accounts WHERE account_id = ?", (someone.account.id,)).fetchone()
    return int(held)


async def test_what_is_brought_back_counts_for_whoever_brings_it_until_it_goes(tmp_path):
    async with restored(tmp_path) as relay:
        alice, bob = relay.alice.someone, relay.bob.someone
        before = [held_by(relay, someone) for someone in (alice, bob)]
        await relay.bob.ask(lost(relay.log, 3, b"lost", author=alice.address))
        await relay.bob.ask(lost(relay.log, 4, b"bob's own", author=bob.address))
        brought = len(b"lost") + len(b"bob's own") + 2 * limits.ENTRY_OVERHEAD_BYTES
        assert [held_by(relay, someone) for someone in (alice, bob)] == [before[0], before[1] + brought]
        await relay.say_there_is_no_more(relay.alice, relay.bob)
        await relay.alice.append(relay.log, b"new")
        for peer in (relay.alice, relay.bob):
            await peer.acknowledge(relay.log, 5)
        assert (held_by(relay, alice), held_by(relay, bob)) == (0, 0)


async def test_devices_that_are_missed_count_for_whoever_brought_them_until_they_come(tmp_path):
    async with restored(tmp_path) as relay:
        alice = relay.alice.someone
        dave, erin = Someone.new(), Someone.new()
        before = held_by(relay, alice)
        await relay.alice.ask(
            lost(relay.log, 3, b"add", kind=COMMIT, readers_added=[dave.address, dave.address, erin.address])
        )
        entry = len(b"add") + limits.ENTRY_OVERHEAD_BYTES
        assert held_by(relay, alice) == before + entry + 2 * limits.ENTRY_OVERHEAD_BYTES
        await relay.world.join(dave)
        assert held_by(relay, alice) == before + entry + limits.ENTRY_OVERHEAD_BYTES
        relay.clock.forward(RETENTION_S + 1)
        await sweep_once(relay.store, now_s=int(relay.clock.now_s()), retention_s=RETENTION_S, path=None)
        assert held_by(relay, alice) == 0


async def test_nobody_brings_back_more_than_his_quota_and_nobody_elses_is_touched(tmp_path, monkeypatch):
    quota = 4_000 + limits.ENTRY_OVERHEAD_BYTES * 4
    monkeypatch.setattr(limits, "MAX_HELD_BYTES_PER_ACCOUNT", quota)
    monkeypatch.setattr(returns, "MAX_HELD_BYTES_PER_ACCOUNT", quota)
    async with restored(tmp_path) as relay:
        mallory, victim = await relay.world.join(), await relay.world.join()
        await mallory.ask(pb.CreateLog(log_id=b"m" * 16, again=True))
        name = victim.someone.address
        asked = [lost(b"m" * 16, seq, bytes((seq,)) * 1_500, author=name) for seq in (1, 2, 3)]
        for seq, entry in enumerate(asked, start=1):
            entry.message_id = bytes([seq]) * 16
        for entry in asked[:2]:
            await mallory.ask(entry)
        with pytest.raises(errors.QuotaExceeded):
            await mallory.ask(asked[2])
        absent = [Someone.new().address for _ in range(20)]
        with pytest.raises(errors.QuotaExceeded):
            await mallory.ask(lost(b"m" * 16, 3, b"add", kind=COMMIT, readers_added=absent))
        assert held_by(relay, mallory.someone) == 3_000 + 2 * limits.ENTRY_OVERHEAD_BYTES, "all or nothing"
        assert held_by(relay, victim.someone) == 0
        assert await victim.append(await victim.create_log(), b"v" * 4_000) == 1


async def test_room_is_made_of_what_counts_for_an_account_and_of_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_HELD_BYTES_PER_ACCOUNT", 4_000)
    async with restored(tmp_path, when_full="drop-oldest") as relay:
        alice = relay.alice.someone.address
        await relay.bob.ask(lost(relay.log, 3, b"brought by bob", author=alice))
        await relay.say_there_is_no_more(relay.alice, relay.bob)
        await relay.bob.acknowledge(relay.log, 2)
        for n in range(4):
            await relay.alice.append(relay.log, bytes([n]) * 1_200)
        await relay.bob.listen(relay.log, after=2)
        sizes = [len(entry.payload) for entry in await relay.bob.take(5)]
        assert sizes == [len(b"brought by bob"), 0, 0, 1_200, 1_200]


async def test_a_deleted_account_leaves_no_debt_to_whoever_gets_its_number(tmp_path):
    async with restored(tmp_path) as relay:
        mallory = await relay.world.join()
        await mallory.ask(pb.CreateLog(log_id=b"m" * 16, again=True))
        bob, dave = relay.bob.someone.address, Someone.new()
        added = [bob, dave.address]
        await mallory.ask(lost(b"m" * 16, 1, b"add", kind=COMMIT, author=bob, readers_added=added))
        with closing(sqlite3.connect(relay.data / "relay.db")) as db:
            (number,) = db.execute(
                "SELECT account FROM accounts WHERE account_id = ?", (mallory.someone.account.id,)
            ).fetchone()
        await relay.store.change(partial(departures.delete, account=number, now_s=NOW_S))
        while await relay.store.change(partial(departures.clear, now_s=NOW_S)):
            pass
        await relay.world.join(dave)
        after = held_by(relay, dave)
        await relay.bob.acknowledge(b"m" * 16, 1)
        assert (after, held_by(relay, dave), held_by(relay, relay.bob.someone)) == (0, 0, 0)


async def test_a_new_commit_removes_who_is_missed(tmp_path):
    async with restored(tmp_path) as relay:
        dave = Someone.new()
        await relay.alice.ask(lost(relay.log, 3, b"add", kind=COMMIT, readers_added=[dave.address]))
        relay.clock.forward(RETURN_WAIT_S)
        await relay.alice.ask(commit(relay.log, b"remove", 3, readers_removed=[dave.address]))
        await relay.alice.append(relay.log, b"not for dave")
        his = await relay.world.join(dave)
        assert (await relay.state(his)).last_seq == 4


async def test_after_a_second_restore_whoever_got_over_the_first_goes_back_no_further(tmp_path):
    async with restored(tmp_path) as relay:
        carol = await relay.world.join()
        entry = lost(relay.log, 3, b"lost", kind=COMMIT, readers_added=[carol.someone.address])
        await relay.alice.ask(entry)
        await relay.say_there_is_no_more(relay.alice)
        relay.clock.forward(RETURN_WAIT_S)
        await relay.alice.append(relay.log, b"kept")
        people = [relay.alice.someone, relay.bob.someone, carol.someone]
        make(relay.data, tmp_path / "second")
        await relay.alice.append(relay.log, b"lost again")
    put_back(tmp_path / "second", relay.data)
    async with running(relay.data, clock=Moves()) as relay.world:
        alice, bob, carol = [await relay.world.back(someone) for someone in people]
        states = [await relay.state(peer) for peer in (alice, bob, carol)]
        assert [state.restored_seq for state in states] == [4, 2, 4]


async def test_an_inbox_that_is_not_known_may_come_back(tmp_path):
    async with restored(tmp_path) as relay:
        dave = Someone.new()
        with pytest.raises(errors.Restoring):
            await relay.alice.ask(to_inbox(dave, b"welcome"))
        relay.clock.forward(RETURN_WAIT_S)
        with pytest.raises(errors.NoSuchAccount):
            await relay.alice.ask(to_inbox(dave, b"welcome"))


async def test_a_restart_of_the_restored_relay_waits_no_longer(tmp_path):
    async with restored(tmp_path) as relay:
        began_s = relay.clock.now_s()
    clock = Moves(began_s)
    clock.forward(RETURN_WAIT_S - 10)
    async with running(tmp_path / "relay", clock=clock) as world:
        alice = await world.back(relay.alice.someone)
        (state,) = await alice.listen(relay.log, after=2)
        assert state.held
        clock.forward(10)
        assert await alice.append(relay.log, b"new") == 3


@pytest.mark.parametrize("now_s", [NOW_S + RETURN_WAIT_S, NOW_S - 10 * 365 * 86400])
def test_a_clock_that_jumps_holds_no_log_for_ever(now_s):
    assert returns.is_held(NOW_S + RETURN_WAIT_S, NOW_S)
    assert not returns.is_held(NOW_S + RETURN_WAIT_S, now_s)


async def test_what_is_brought_back_beside_a_new_entry_reaches_who_listens_before_it(tmp_path):
    async with restored(tmp_path) as relay:
        context = relay.world.relay._context
        relay.clock.forward(RETURN_WAIT_S)
        await relay.alice.listen(relay.log, after=2)
        (session,) = (
            one.session
            for one in relay.world.relay._connections
            if one.session.device_id == relay.bob.someone.certificate.device_id
        )
        answers: list[Any] = []
        bringing = asyncio.create_task(logs.bring_back(context, session, lost(relay.log, 3, b"lost")))
        await asyncio.sleep(0)
        logs.append(context, session, message(relay.log, b"new"), answers.append)
        assert (await bringing).seq == 3
        assert [(entry.seq, entry.payload) for entry in await relay.alice.take(2)] == [(3, b"lost"), (4, b"new")]
        assert [answer.seq for answer in answers] == [4]


async def sweep(relay: Restored) -> None:
    context = relay.world.relay._context
    await sweep_once(context.store, now_s=context.now_s(), retention_s=RETENTION_S, path=None)


async def test_when_no_client_can_have_kept_anything_nothing_is_taken_back(tmp_path):
    """Else whoever keeps his last word to himself could write in the name of others for ever."""
    async with restored(tmp_path) as relay:
        relay.clock.forward(RETENTION_S)
        await sweep(relay)
        assert (await relay.alice.ask(lost(relay.log, 3, b"lost"))).seq == 3
        relay.clock.forward(RETURN_WAIT_S)
        await sweep(relay)
        author = relay.alice.someone.address
        with pytest.raises(errors.NotAReader):
            await relay.bob.ask(lost(relay.log, 4, b"forged", author=author))
        await relay.bob.ask(pb.CreateLog(log_id=b"l" * 16, again=True))
        with pytest.raises(errors.NotAReader):
            await relay.bob.ask(lost(b"l" * 16, 1, b"forged", author=author))
        assert await relay.bob.append(b"l" * 16, b"new") == 1


async def test_a_log_goes_when_nobody_reads_it_and_who_was_missed_has_not_come(tmp_path):
    async with restored(tmp_path) as relay:
        everybody = [peer.someone.address for peer in (relay.alice, relay.bob)]
        added = lost(relay.log, 3, b"add", kind=COMMIT, readers_added=[Someone.new().address])
        await relay.alice.ask(added)
        await relay.alice.ask(lost(relay.log, 4, b"remove", kind=COMMIT, readers_removed=everybody))
        for peer in (relay.alice, relay.bob):
            await peer.acknowledge(relay.log, 4)
        relay.clock.forward(RETENTION_S + 10)
        await sweep(relay)
        with pytest.raises(errors.UnknownLog):
            await relay.alice.ask(pb.BringBack(log_id=relay.log))
