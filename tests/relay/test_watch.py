"""What goes by itself: entries past the retention time, and everything else that has an end."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from tacit import limits
from tacit.relay import rates, sweeping
from tacit.relay.watch import SWEEP_S, WATCH_S, keep_going, sweep
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.peers import TIMEOUT_S, Moves, Someone, commit, key_package, message, running, to_inbox

RETENTION_S = limits.RETENTION_S


def rows(path, table):
    db = sqlite3.connect(path / "relay.db")
    try:
        return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    finally:
        db.close()


async def test_an_entry_waits_for_the_retention_time_and_no_longer(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        alice, bob = await world.join(), await world.join()
        log = await alice.create_log()
        await alice.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
        old = message(log, b"old")
        await alice.ask(old)
        clock.forward(RETENTION_S)
        await alice.append(log, b"young")
        await sweep(world.relay._context)
        assert (await bob.listen(log))[0].first_seq == 2, "the last second of its time has not passed"
        clock.forward(1)
        await sweep(world.relay._context)
        (state,) = await bob.listen(log)
        assert (state.first_seq, state.last_seq, state.last_commit_seq) == (3, 3, 1)
        assert [entry.seq for entry in await bob.take(3)] == [2, 3, 3]
        assert (await alice.ask(old)).seq == 2, "its author still gets the first answer"
        clock.forward(RETENTION_S + 1)
        await sweep(world.relay._context)
        assert rows(tmp_path, "entries") == 0
        clock.forward(RETENTION_S + 1)
        await sweep(world.relay._context)
        assert rows(tmp_path, "answers") == 0
        assert (await alice.ask(commit(log, b"on", 1))).seq == 4, "the numbers go on"


async def test_a_log_whose_readers_have_all_gone_goes_too(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        alice = await world.join()
        log = await alice.create_log()
        await alice.ask(commit(log, b"the last one turns off the light", 0, readers_removed=[alice.someone.address]))
        assert rows(tmp_path, "readers") == 2
        await alice.acknowledge(log, 1)
        assert rows(tmp_path, "readers") == 1, "the inbox"
        assert rows(tmp_path, "logs") == 1
        with pytest.raises(errors.UnknownLog):
            await alice.append(log, b"")


async def test_one_who_was_removed_and_never_came_back_is_forgotten_in_time(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        alice, bob = await world.join(), await world.join()
        log = await alice.create_log()
        await alice.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
        await alice.ask(commit(log, b"remove", 1, readers_removed=[bob.someone.address]))
        assert rows(tmp_path, "readers") == 4
        clock.forward(RETENTION_S + 1)
        await sweep(world.relay._context)
        assert rows(tmp_path, "readers") == 3
        assert not (await bob.listen(log))[0].readable


async def test_what_a_stranger_sent_does_not_wait_for_ever(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        bob, eve = await world.join(), await world.join()
        for n in range(40):
            await eve.ask(to_inbox(bob.someone, b"%d" % n))
        clock.forward(RETENTION_S + 1)
        await sweep(world.relay._context)
        assert rows(tmp_path, "entries") == 0
        assert (await eve.ask(to_inbox(bob.someone, b"again"))).seq == 41


async def test_expired_key_packages_and_old_invitations_go(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        owner, other = await world.join(), await world.join()
        await owner.ask(pb.PublishKeys(key_packages=[key_package(b"a"), key_package(b"b")]))
        await other.ask(pb.RecipientKeysRequest(who=pb.Who(account_id=owner.someone.account.id), suite=1))
        await world.relay.invite(expires_s=10)
        await world.relay.invite()
        assert (rows(tmp_path, "key_packages"), rows(tmp_path, "invites")) == (2, 2)
        clock.forward(3700)
        await sweep(world.relay._context)
        assert (rows(tmp_path, "key_packages"), rows(tmp_path, "invites")) == (0, 2)
        clock.forward(RETENTION_S)
        await sweep(world.relay._context)
        assert rows(tmp_path, "invites") == 1


async def test_the_sweep_comes_by_itself(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        alice = await world.join()
        log = await alice.create_log()
        await alice.append(log, b"old")
        clock.forward(RETENTION_S + SWEEP_S + 1)
        async with asyncio.timeout(TIMEOUT_S):
            while (await alice.listen(log))[0].first_seq != 2:
                pass


async def test_idle_accounts_take_no_memory(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        alice = await world.join()
        await alice.ask(pb.Acknowledge())
        assert len(world.relay._context.accounts) == 1
        clock.forward(60)
        await world.connect()
        assert world.relay._context.accounts == {}


async def test_all_connections_of_an_account_share_its_rates_even_after_a_pause(tmp_path, monkeypatch):
    monkeypatch.setitem(rates.RATES, "create_log", rates.Rate(0.001, 2.0))
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        laptop = await world.join()
        clock.forward(60)
        phone = await world.join(Someone.new(laptop.someone.account))
        await laptop.create_log()
        await phone.create_log()
        for device in (laptop, phone):
            with pytest.raises(errors.RateLimited):
                await device.create_log()


async def test_a_sweep_drops_what_is_old_in_small_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(sweeping, "SWEEP_ENTRIES", 7)
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        alice = await world.join()
        logs = [await alice.create_log() for _ in range(3)]
        for log in logs:
            for _ in range(10):
                await alice.append(log, b"old")
        clock.forward(RETENTION_S + 1)
        await alice.append(logs[0], b"young")
        await sweep(world.relay._context)
        assert [state.first_seq for state in await alice.listen(*logs)] == [11, 11, 11]
        assert (await alice.entry()).payload == b"young"


async def test_a_clock_that_jumps_ahead_drops_nothing(tmp_path):
    """Hazard G8."""
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        alice = await world.join()
        log = await alice.create_log()
        await alice.append(log, b"young")
        clock.set_wrong_by(10 * 365 * limits.DAY_S)
        await sweep(world.relay._context)
        assert (await alice.listen(log))[0].first_seq == 1
        clock.set_wrong_by(-10 * 365 * limits.DAY_S)
        await sweep(world.relay._context)
        await alice.append(log, b"written in the past")
        assert [entry.payload for entry in await alice.take(2)] == [b"young", b"written in the past"]


async def test_what_looks_after_the_relay_begins_anew_after_a_fault_and_says_so(tmp_path, caplog):
    clock, turns = Moves(), asyncio.Queue()

    async def out_of_memory() -> None:
        turns.put_nowait("turn")
        raise MemoryError

    async with running(tmp_path, clock=clock) as world, asyncio.timeout(TIMEOUT_S):
        keeping = asyncio.create_task(keep_going(world.relay._context, "resources", out_of_memory))
        await turns.get()
        assert turns.empty(), "not again at once"
        clock.forward(WATCH_S)
        await turns.get()
        keeping.cancel()
    told = [record.getMessage() for record in caplog.records if "upkeep-failed" in record.getMessage()]
    assert told == ["upkeep-failed kind='resources' error='MemoryError'"] * 2
