"""One page about a relay, a sweep at the operator's word, and a relay that is emptied."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from tacit.limits import DAY_S, RETENTION_S
from tacit.net.errors import LinkClosed
from tacit.relay.admin import upkeep
from tacit.relay.admin.asking import ask_relay
from tacit.relay.errors import AmbiguousId, RelayStopped, TooLargeBeside
from tacit.relay.invites import create_invite
from tacit.relay.store import roster
from tacit.wire import relay_pb2 as pb
from tests.relay.peers import TIMEOUT_S, Moves, Someone, commit, key_package, message, running, to_inbox

COUNTS = ("accounts", "suspended", "deleted", "devices", "conversations", "entries", "key_packages", "invites")


async def ask(folder, operation, **args):
    return await asyncio.to_thread(ask_relay, folder, operation, args)


async def test_one_page_says_the_same_of_a_relay_that_runs_and_of_one_that_does_not(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        alice, bob = await world.join(handle="alice"), await world.join()
        await world.join(Someone.new(alice.someone.account))
        log = await alice.create_log()
        await alice.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
        clock.forward(100)
        await alice.append(log, b"text")
        await bob.ask(pb.PublishKeys(key_packages=[key_package(b"kp", expires_in_s=DAY_S)]))
        create_invite(tmp_path, now_s=int(clock.now_s()))
        await ask(tmp_path, "suspend", who="alice")
        page = await ask(tmp_path, "stats")
        assert [page[name] for name in COUNTS] == [2, 1, 0, 3, 1, 2, 1, 1]
        assert page["oldest_entry_at"] == int(clock.now_s()) - 100
        assert (page["running"], page["draining"], page["uptime_s"]) == (True, False, 100)
        assert page["sessions"] == 1
        assert page["held_bytes"] >= len(b"addtext")
        assert page["wal_bytes"] > 0
        assert page["disk_free_bytes"] > 0
        assert "appends_total" in page["since_start"]
    stopped = await ask(tmp_path, "stats")
    assert [stopped[name] for name in COUNTS] == [2, 1, 0, 3, 1, 2, 1, 1]
    assert (stopped["running"], stopped["connections"], stopped["uptime_s"]) == (False, None, None)
    assert stopped.keys() == page.keys()


async def test_who_asks_again_and_again_does_not_have_everything_counted_each_time(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        alice = await world.join()
        log = await alice.create_log()
        await alice.append(log, b"text")
        counts: list[str] = []
        world.relay._context.store._reader.set_trace_callback(
            lambda said: counts.append(said) if "count(*) FROM entries" in said else None
        )
        pages = await asyncio.gather(*(ask(tmp_path, "stats") for _ in range(5)))
        await world.join()
        pages.append(await ask(tmp_path, "stats"))
        assert [page["accounts"] for page in pages] == [1] * 6
        assert pages[-1]["sessions"] == 2, "what costs nothing is told as it is"
        assert len(counts) == 1
        clock.forward(upkeep.COUNT_EVERY_S)
        assert (await ask(tmp_path, "stats"))["accounts"] == 2


async def test_a_disk_that_takes_its_time_to_tell_its_size_holds_nobody_up(tmp_path, monkeypatch):
    asked, goes_on, statvfs = threading.Event(), threading.Event(), os.statvfs

    def slow(path):
        asked.set()
        goes_on.wait(TIMEOUT_S)
        return statvfs(path)

    async with running(tmp_path) as world:
        alice = await world.join()
        log = await alice.create_log()
        monkeypatch.setattr(os, "statvfs", slow)
        page = asyncio.create_task(ask(tmp_path, "stats"))
        assert await asyncio.to_thread(asked.wait, TIMEOUT_S)
        assert await alice.append(log, b"goes on") == 1
        assert not page.done()
        goes_on.set()
        told = await page
    free = statvfs(tmp_path)
    assert 0 < told["disk_free_bytes"] <= free.f_blocks * free.f_frsize


async def test_what_the_disk_has_spoilt_is_on_the_page(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        bob = await world.join()
        alice = await world.join()
        await alice.ask(to_inbox(bob.someone, b"text"))
        assert (await ask(tmp_path, "stats"))["damaged"] == 0
        await world.relay._context.store.change(lambda db: db.execute("UPDATE entries SET payload = x'00'"))
        await bob.listen(bob.someone.certificate.device_id)
        assert (await bob.entry()).damaged
        await world.relay._context.store.change(lambda db: None)  # behind the note of it
        clock.forward(upkeep.COUNT_EVERY_S)
        assert (await ask(tmp_path, "stats"))["damaged"] == 1


async def test_a_sweep_at_the_operators_word_says_what_went(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        alice, bob = await world.join(), await world.join()
        for _ in range(3):
            await alice.append(await alice.create_log(), b"old")
        await alice.ask(to_inbox(bob.someone, b"old"))
        await bob.ask(pb.PublishKeys(key_packages=[key_package(b"kp")]))
        create_invite(tmp_path, expires_s=60, now_s=int(clock.now_s()))
        nothing = await ask(tmp_path, "gc")
        assert {nothing[name] for name in ("entries", "answers", "key_packages", "invites", "snapshots")} == {0}
        assert nothing["wal_bytes"] == 0
    later = Moves(clock.now_s() + RETENTION_S + 61)
    swept = await asyncio.to_thread(ask_relay, tmp_path, "gc", clock=later)
    assert swept.keys() == nothing.keys()
    assert (swept["entries"], swept["key_packages"], swept["invites"], swept["answers"]) == (4, 1, 1, 0)
    later.forward(RETENTION_S + 1)
    (tmp_path / "relay.before-2.db").write_bytes(b"")
    swept = await asyncio.to_thread(ask_relay, tmp_path, "gc", clock=later)
    assert (swept["answers"], swept["snapshots"]) == (4, 1)
    assert not (tmp_path / "relay.before-2.db").exists()


@pytest.mark.parametrize("beside", [True, False])
async def test_space_is_given_back_when_it_is_asked_for(tmp_path, beside):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        alice = await world.join()
        log = await alice.create_log()
        for _ in range(20):
            await alice.append(log, bytes(50_000))
        await alice.acknowledge(log, 20)
        if beside:
            swept = await ask(tmp_path, "gc", vacuum=True)
            assert await alice.append(log, b"goes on") == 21
    if not beside:
        before = (await ask(tmp_path, "gc"))["store_bytes"]
        assert before > 1_000_000
        swept = await ask(tmp_path, "gc", vacuum=True)
    assert swept["store_bytes"] < 300_000
    assert swept["freed_bytes"] > 700_000


async def test_a_large_store_is_not_written_anew_under_a_relay_that_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(upkeep, "MAX_VACUUM_BESIDE_BYTES", 1)
    async with running(tmp_path):
        await ask(tmp_path, "gc")
        with pytest.raises(TooLargeBeside):
            await ask(tmp_path, "gc", vacuum=True)
    assert (await ask(tmp_path, "gc", vacuum=True))["store_bytes"] > 1


async def test_a_relay_is_emptied_and_ends_and_nothing_is_lost(tmp_path):
    async with running(tmp_path) as world:
        ended = asyncio.Event()
        world.relay.on_drained = ended.set
        alice, bob = await world.join(), await world.join()
        log = await alice.create_log()
        await alice.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
        await bob.listen(log, after=1)
        waiting = [await alice.begin(message(log, b"%d" % n)) for n in range(30)]
        told = await ask(tmp_path, "drain", back_in_s=7)
        assert told["connections"] <= 2
        async with asyncio.timeout(TIMEOUT_S):
            await asyncio.gather(alice.wait_ended(), bob.wait_ended(), ended.wait())
        assert [closing.reconnect_after_s for peer in (alice, bob) for closing in peer.closings] == [7, 7]
        acknowledged = [answer.result().seq for answer in waiting if answer.done() and not answer.exception()]
        assert acknowledged == list(range(acknowledged[0], acknowledged[0] + len(acknowledged)))
        said = [b"%d" % n for n in range(len(acknowledged))]
        seen = [entry.payload for entry in await bob.take(bob.entries.qsize())]
        assert seen == said[: len(seen)], "whoever is ended first reads the rest when he is back"
        page = await ask(tmp_path, "stats")
        assert (page["draining"], page["connections"], page["sessions"]) == (True, 0, 0)
        with pytest.raises(LinkClosed):
            await world.connect()
    async with running(tmp_path) as world:
        bob = await world.back(bob.someone)
        await bob.listen(log, after=1)
        assert [entry.payload for entry in await bob.take(len(said))] == said


async def test_a_relay_that_is_to_stay_is_ended_by_the_next_word(tmp_path):
    async with running(tmp_path) as world:
        ended = asyncio.Event()
        world.relay.on_drained = ended.set
        alice = await world.join()
        await ask(tmp_path, "drain", stay=True)
        await alice.wait_ended()
        async with asyncio.timeout(TIMEOUT_S):
            while (await ask(tmp_path, "stats"))["connections"]:
                pass
        assert not ended.is_set()
        assert (await ask(tmp_path, "users"))["users"][0]["devices"] == 1
        await ask(tmp_path, "drain")
        async with asyncio.timeout(TIMEOUT_S):
            await ended.wait()
    with pytest.raises(RelayStopped):
        await ask(tmp_path, "drain")


async def test_the_list_of_accounts_comes_in_parts_and_leaves_nobody_out(tmp_path):
    async with running(tmp_path) as world:
        for n in range(7):
            await world.join(handle=f"person-{n}")
        seen, after = [], 0
        while after is not None:
            page = await ask(tmp_path, "users", after=after, limit=3)
            seen += page["users"]
            after = page["next_after"]
        assert [user["handle"] for user in seen] == [f"person-{n}" for n in range(7)]
        assert all(user["short"] == user["account"][:13] and user["state"] == "active" for user in seen)
        assert len((await ask(tmp_path, "users", limit=10**9))["users"]) == 7


async def test_an_account_goes_by_its_handle_its_id_or_enough_of_that(tmp_path, monkeypatch):
    async with running(tmp_path) as world:
        alice, twin = await world.join(handle="alice"), await world.join(handle="deadbeef")
        (listed, _) = (await ask(tmp_path, "users"))["users"]
        names = ("alice", "@alice", " @Alice", listed["account"], listed["short"], listed["account"].upper()[:8])
        for name in names:
            assert (await ask(tmp_path, "account", who=name))["account"] == listed["account"], name
        assert (await ask(tmp_path, "account", who="@deadbeef"))["handle"] == "deadbeef"
        both = [alice.someone.account.id, twin.someone.account.id]
        monkeypatch.setattr(roster, "account_ids", lambda db, beginning, limit: both)
        with pytest.raises(AmbiguousId):
            await ask(tmp_path, "account", who="deadbeef")


async def test_a_device_is_shown_with_what_is_kept_for_it_and_can_be_revoked(tmp_path):
    async with running(tmp_path) as world:
        laptop = await world.join(handle="alice")
        phone = await world.join(Someone.new(laptop.someone.account))
        await laptop.ask(pb.PublishKeys(key_packages=[key_package(b"kp"), key_package(b"last", last_resort=True)]))
        await phone.close()
        found = (await ask(tmp_path, "account", who="alice"))["devices"]
        assert [device["connected"] for device in found] == [True, False]
        assert [device["key_packages"] for device in found] == [1, 0]
        assert [device["last_resort"] for device in found] == ["unused", "none"]
        await ask(tmp_path, "revoke-device", who="alice", device=found[0]["device"])
        await laptop.wait_ended()
        (gone, kept) = (await ask(tmp_path, "account", who="alice"))["devices"]
        assert (gone["key_packages"], gone["connected"], kept["revoked_at"]) == (0, False, None)
        assert gone["revoked_at"] is not None
    assert [device["connected"] for device in (await ask(tmp_path, "account", who="alice"))["devices"]] == [None, None]
