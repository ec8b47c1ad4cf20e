"""Whoever is suspended, revoked or deleted is out within one second everywhere, and their data goes when it should."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from tacit.identity import format_id
from tacit.limits import RETENTION_S
from tacit.relay import measuring
from tacit.relay.admin.asking import ask_relay
from tacit.relay.admin.upkeep import COUNT_EVERY_S
from tacit.relay.backups import examine
from tacit.relay.data_dir import write_key
from tacit.relay.keys import publish_keys
from tacit.relay.store import departures, maintenance
from tacit.relay.store.rows import AccountRow
from tacit.relay.watch import sweep
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.peers import TIMEOUT_S, Moves, Peer, Someone, commit, key_package, message, running, to_inbox
from tests.relay.store.test_migrations import written_by
from tests.relay.test_processes import RelayProcess
from tests.stopwatch import Stopwatch

AT_ONCE_S = 1.0


async def ask(folder, operation, **args):
    return await asyncio.to_thread(ask_relay, folder, operation, args)


async def ended_by(peers: list[Peer], watch: Stopwatch) -> list[list[str]]:
    """Wait for the end of these connections, which must be near; returns what each was told at last."""
    async with asyncio.timeout(TIMEOUT_S):
        await asyncio.gather(*(peer.ended.wait() for peer in peers))
    assert watch.passed_s < AT_ONCE_S
    return [[closing.code for closing in peer.closings] for peer in peers]


def everything(folder) -> bytes:
    """All bytes that the relay has on its disk."""
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def tables(folder) -> dict[str, list[tuple]]:
    db = sqlite3.connect(folder / "relay.db")
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    found = {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in names}
    db.close()
    return found


@pytest.mark.processes
async def test_out_within_a_second_of_the_word_on_every_connection_of_a_real_relay(tmp_path):
    relay = await RelayProcess.start(tmp_path)
    laptop, bob = Someone.new(), Someone.new()
    phone, tablet = Someone.new(laptop.account), Someone.new(laptop.account)
    alice = [await relay.join(laptop, handle="alice"), await relay.join(phone), await relay.join(tablet)]
    friend = await relay.join(bob, handle="bob")
    log = await friend.create_log()
    await friend.ask(commit(log, b"add", 0, readers_added=[laptop.address, phone.address, tablet.address]))
    for device in alice:
        await device.listen(log, after=1)

    who, gone = str(laptop.account.id.hex())[:12], tablet.certificate.device_id.hex()
    with Stopwatch(relay.process.pid) as watch:
        await ask(tmp_path, "revoke-device", who=who, device=gone)
        assert await ended_by([alice[2]], watch) == [["device-revoked"]]

    with Stopwatch(relay.process.pid) as watch:
        await ask(tmp_path, "suspend", who="@alice", note="asked for it")
        assert await ended_by(alice[:2], watch) == [["account-suspended"]] * 2
    for someone in (laptop, phone):
        with pytest.raises(errors.AccountSuspended):
            await relay.join(someone, known=True)
    await friend.append(log, b"meanwhile")

    await ask(tmp_path, "resume", who="@alice")
    back = await relay.join(laptop, known=True)
    await back.listen(log, after=1)
    assert (await back.entry()).payload == b"meanwhile"

    with Stopwatch(relay.process.pid) as watch:
        await ask(tmp_path, "delete", who="@alice")
        assert await ended_by([back], watch) == [["account-deleted"]]
    with pytest.raises(errors.NoSuchAccount):
        await relay.join(laptop, known=True)
    assert await friend.append(log, b"to whom?") == 3
    await relay.end(15)
    assert laptop.account.id not in everything(tmp_path)


async def test_a_suspended_account_does_nothing_and_others_get_a_sensible_answer(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(handle="alice"), await world.join()
        await alice.ask(pb.PublishKeys(key_packages=[key_package(b"kp")]))
        held = await ask(tmp_path, "suspend", who="alice", note="spam")
        assert (held["state"], held["note"]) == ("suspended", "spam")
        await alice.wait_ended()
        with pytest.raises(errors.AccountSuspended):
            await world.back(alice.someone)
        stranger = await world.connect()
        with pytest.raises(errors.AccountSuspended):
            await stranger.register(Someone.new(alice.someone.account))
        who = pb.Who(handle="alice")
        with pytest.raises(errors.AccountSuspended):
            await bob.ask(pb.RecipientKeysRequest(who=who, suite=1))
        found = await bob.ask(pb.SenderKeysRequest(who=who))
        assert found.account_id == alice.someone.account.id
        assert (await bob.ask(to_inbox(alice.someone, b"waits"))).seq == 1
        again = await ask(tmp_path, "suspend", who="alice", note="still")
        assert (again["suspended_at"], again["note"]) == (held["suspended_at"], "still")
    async with running(tmp_path) as world:
        with pytest.raises(errors.AccountSuspended):
            await world.back(alice.someone)


async def test_a_resumed_account_goes_on_where_it_stopped(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(handle="alice"), await world.join()
        await alice.ask(pb.PublishKeys(key_packages=[key_package(b"kp")]))
        await ask(tmp_path, "suspend", who="alice")
        await bob.ask(to_inbox(alice.someone, b"waited"))
        assert (await ask(tmp_path, "resume", who="alice"))["state"] == "active"
        alice = await world.back(alice.someone)
        await alice.listen(alice.someone.certificate.device_id)
        assert (await alice.entry()).payload == b"waited"
        claimed = await bob.ask(pb.RecipientKeysRequest(who=pb.Who(handle="alice"), suite=1))
        assert claimed.devices[0].key_package.key_package == b"kp"


async def test_one_who_does_not_read_is_cut_off_all_the_same(tmp_path):
    """At once: the relay's clock stands still."""
    async with running(tmp_path, clock=Moves()) as world:
        alice, bob = await world.join(handle="alice", capacity_frames=1), await world.join()
        log = await bob.create_log()
        await bob.ask(commit(log, b"add", 0, readers_added=[alice.someone.address]))
        await alice.listen(log, after=1)
        alice._task.cancel()
        for n in range(20):
            await bob.append(log, b"%d" % n)
        await ask(tmp_path, "suspend", who="alice")
        async with asyncio.timeout(TIMEOUT_S):
            while len(world.relay._connections) > 1:
                await world.one_gone()


async def test_a_login_that_was_under_way_when_the_word_came_is_refused(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join(handle="alice")
        session = next(iter(world.relay._connections)).session
        await ask(tmp_path, "suspend", who="alice")
        await alice.wait_ended()
        with pytest.raises(errors.AccountSuspended):
            world.relay._context.sessions.enter(session, None)
        await ask(tmp_path, "delete", who="alice")
        with pytest.raises(errors.DeviceRevoked):
            world.relay._context.sessions.enter(session, None)


async def test_nothing_of_a_deleted_account_is_left_but_numbers_until_its_entries_are_fetched(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        mallory, bob = await world.join(handle="mallory-the-great"), await world.join(handle="bob")
        someone, device = mallory.someone, mallory.someone.certificate
        secrets = {
            "ID": someone.account.id,
            "key": someone.account.public,
            "device": device.device_id,
            "certificate": device.encode(),
            "handle": b"mallory-the-great",
            "key package": b"mallorys-key-package",
            "inbox": b"for-mallorys-inbox",
            "note": b"what-the-operator-noted",
        }
        await mallory.ask(pb.PublishKeys(key_packages=[key_package(b"mallorys-key-package")]))
        log = await mallory.create_log()
        await mallory.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
        await mallory.append(log, b"last words")
        await bob.append(log, b"answer")
        own = await mallory.create_log()
        await mallory.append(own, b"to nobody")
        await bob.ask(to_inbox(someone, b"for-mallorys-inbox"))
        await ask(tmp_path, "suspend", who="@mallory-the-great", note="what-the-operator-noted")
        assert all(secret in everything(tmp_path) for secret in secrets.values())

        gone = await ask(tmp_path, "delete", who="@mallory-the-great")
        assert (gone["handle"], gone["devices"], gone["entries_left"]) == ("mallory-the-great", 1, 1)
        assert [name for name, secret in secrets.items() if secret in everything(tmp_path)] == []
        assert (await ask(tmp_path, "stats"))["deleted"] == 1
        assert [user["handle"] for user in (await ask(tmp_path, "users"))["users"]] == ["bob"]

        # Others read on, and what it wrote is still whole.
        assert examine(tmp_path, progress=lambda what, done: None).is_sound
        await bob.listen(log, after=1)
        assert [entry.payload for entry in await bob.take(2)] == [b"last words", b"answer"]
        assert await bob.append(log, b"again") == 4
        with pytest.raises(errors.NoSuchAccount):
            await bob.ask(to_inbox(someone, b"anybody there?"))
        await bob.acknowledge(log, 4)
        await sweep(world.relay._context)
        found = tables(tmp_path)
        assert len(found["accounts"]) == len(found["devices"]) == 1
        assert len(found["logs"]) == 2, "bob's inbox, and the conversation"
        clock.forward(COUNT_EVERY_S)
        assert (await ask(tmp_path, "stats"))["deleted"] == 0


async def test_where_somebody_reads_the_answer_says_so_and_the_next_sweep_empties_the_log(tmp_path, monkeypatch):
    monkeypatch.setattr(maintenance, "WAIT_MS", 10)
    async with running(tmp_path) as world:
        await world.join(handle="mallory-the-great")
        reader = sqlite3.connect(tmp_path / "relay.db")
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM accounts").fetchone() == (1,)
        assert (await ask(tmp_path, "delete", who="mallory-the-great"))["log_emptied"] is False
        await sweep(world.relay._context)
        assert b"mallory-the-great" in everything(tmp_path), "the reader still needs it"
        reader.close()
        await sweep(world.relay._context)
        assert b"mallory-the-great" not in everything(tmp_path)
        await world.join(handle="eve")
        assert (await ask(tmp_path, "delete", who="eve"))["log_emptied"] is True


async def test_what_comes_to_the_disk_right_behind_a_deletion_does_not_keep_the_account_nor_those_deleted_later(
    tmp_path,
):
    async with running(tmp_path) as world:
        await world.join(handle="mallory")
        await world.join(handle="eve")
        context = world.relay._context
        (connection,) = (one for one in world.relay._connections if one.session.account == 1)
        keys = pb.PublishKeys(key_packages=[key_package(b"behind the deletion")])
        began_at = context.now_s()
        async with asyncio.timeout(TIMEOUT_S):
            await asyncio.gather(
                context.store.change(lambda db: departures.delete(db, AccountRow(1), began_at)),
                publish_keys(context, connection.session, keys),
            )
        assert (await ask(tmp_path, "delete", who="eve"))["entries_left"] == 0
        found = tables(tmp_path)
        assert [found[name] for name in ("accounts", "devices", "key_packages")] == [[]] * 3


async def test_what_nobody_fetches_of_a_deleted_account_goes_after_the_retention_time(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        mallory, bob = await world.join(handle="mallory"), await world.join()
        log = await mallory.create_log()
        await mallory.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
        await mallory.append(log, b"for bob, who never comes")
        await ask(tmp_path, "delete", who="mallory")
        await sweep(world.relay._context)
        assert len(tables(tmp_path)["accounts"]) == 2
        await measuring.measure(world.relay._context)
        assert world.relay._context.metrics.measured.crowds["accounts"] == 1, "what only waits is no account"
        clock.forward(RETENTION_S + 1)
        await sweep(world.relay._context)
        assert len(tables(tmp_path)["accounts"]) == 1


async def test_an_account_in_many_conversations_goes_in_small_steps(tmp_path, monkeypatch):
    steps, clear = [], departures.clear

    def one_step(db, now_s):
        steps.append(clear(db, now_s))
        return steps[-1]

    monkeypatch.setattr(departures, "CLEAR_LOGS", 3)
    monkeypatch.setattr(departures, "clear", one_step)
    async with running(tmp_path) as world:
        mallory = await world.join(handle="mallory")
        for _ in range(10):
            await mallory.append(await mallory.create_log(), b"text")
        assert (await ask(tmp_path, "delete", who="mallory"))["entries_left"] == 0
        assert steps == [True, True, True, False]
        found = tables(tmp_path)
        assert [found[name] for name in ("accounts", "devices", "logs", "readers", "entries", "answers")] == [[]] * 6


async def test_who_comes_after_a_deleted_account_is_taken_for_nobody_else(tmp_path):
    """Numbers in the file are never used again: a session, a quota or a revocation would pass to somebody else."""
    async with running(tmp_path) as world:
        mallory = await world.join(handle="mallory")
        (before,) = tables(tmp_path)["devices"]
        await ask(tmp_path, "delete", who="mallory")
        heir = await world.join(handle="mallory")
        (after,) = tables(tmp_path)["devices"]
        assert after[:2] != before[:2]
        assert heir.someone.account.id != mallory.someone.account.id
        again = await world.join(mallory.someone)
        assert (await again.ask(message(await again.create_log(), b"back, as a new account"))).seq == 1


async def test_a_store_from_before_can_let_go_of_accounts_and_gives_their_numbers_to_nobody(tmp_path):
    written_by(1, tmp_path / "relay.db")
    write_key(tmp_path / "relay.key", bytes(32))
    first, second = (format_id(row[1]) for row in tables(tmp_path)["accounts"])
    async with running(tmp_path) as world:
        await world.join()
        assert (await ask(tmp_path, "delete", who=second))["entries_left"] == 0
        assert (await ask(tmp_path, "delete", who=first))["entries_left"] == 0
        await world.join()
        found = tables(tmp_path)
        assert not {row[0] for row in found["devices"]} & {1, 2}
        assert not {row[0] for row in found["accounts"]} & {1, 2}
        assert [len(found[name]) for name in ("accounts", "devices", "logs", "entries")] == [2, 2, 2, 0]


async def test_a_deleted_account_is_forgotten_by_the_invitation_that_it_used(tmp_path):
    async with running(tmp_path, registration="invite") as world:
        made = await ask(tmp_path, "invite", uses=3, note="band")
        people = [Someone.new(), Someone.new()]
        for someone, handle in zip(people, ("ann", "ben"), strict=True):
            await (await world.connect()).register(someone, handle=handle, invite=made["token"])
        used = (await ask(tmp_path, "invite-uses", invite=made["invite"]["id"]))["used_by"]
        assert [use["handle"] for use in used] == ["ann", "ben"]
        held = await ask(tmp_path, "account", who="ann")
        assert (held["invite"], held["invite_used_at"]) == (made["invite"]["id"], used[0]["used_at"])
        await ask(tmp_path, "delete", who="ann")
        used = (await ask(tmp_path, "invite-uses", invite=made["invite"]["id"]))["used_by"]
        assert [use["handle"] for use in used] == ["ben"]
        (listed,) = (await ask(tmp_path, "invites"))["invites"]
        assert (listed["used"], listed["uses"]) == (2, 3)


async def test_who_used_an_invitation_is_forgotten_with_it(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock, registration="invite") as world:
        made = await ask(tmp_path, "invite", expires_s=60)
        await (await world.connect()).register(Someone.new(), invite=made["token"])
        assert len(tables(tmp_path)["invite_uses"]) == 1
        clock.forward(RETENTION_S + 61)
        await sweep(world.relay._context)
        assert (tables(tmp_path)["invites"], tables(tmp_path)["invite_uses"]) == ([], [])
        assert len(tables(tmp_path)["accounts"]) == 1
