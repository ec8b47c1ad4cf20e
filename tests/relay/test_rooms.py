from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tacit import limits
from tacit.relay.rates import RATES, ROOM_INFO, Rate
from tacit.relay.store.database import FILE_NAME
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.peers import Moves, Peer, Someone, commit, message, running, settle

TOKEN = b"t" * 32
TOKEN_HASH = hashlib.sha256(TOKEN).digest()


def room(group_info: bytes = b"info 0", **changes: Any) -> pb.Room:
    return pb.Room(**({"join_token_hash": TOKEN_HASH, "group_info": group_info} | changes))


async def make_room(maker: Peer, **changes: Any) -> bytes:
    log_id = os.urandom(16)
    await maker.ask(pb.CreateLog(log_id=log_id, room=room(**changes)))
    return log_id


def entrance(log_id: bytes, token: bytes = TOKEN) -> pb.EnterRoom:
    return pb.EnterRoom(log_id=log_id, join_token=token)


def coming_in(log_id: bytes, who: Peer, after: int, group_info: bytes = b"info", **changes: Any) -> pb.Append:
    added = [who.someone.address]
    made = commit(log_id, b"commit of " + group_info, after, readers_added=added)
    made.room.CopyFrom(pb.Room(group_info=group_info))
    made.join_token = TOKEN
    for name, value in changes.items():
        if value is None:
            made.ClearField(name)
        elif name == "room":
            made.room.CopyFrom(value)
        elif isinstance(value, list):
            made.ClearField(name)
            getattr(made, name).extend(value)
        else:
            setattr(made, name, value)
    return made


async def come_in(log_id: bytes, who: Peer) -> int:
    """Ask at the door, and append the commit that it takes; returns its number."""
    shown = await who.ask(entrance(log_id))
    seq = (
        await who.ask(coming_in(log_id, who, shown.last_commit_seq, b"info of %d" % (shown.last_commit_seq + 1)))
    ).seq
    return int(seq)


async def test_whoever_shows_the_token_comes_in_by_one_commit_and_reads_from_then_on(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        log = await make_room(alice)
        await alice.append(log, b"before bob")
        shown = await bob.ask(entrance(log))
        assert (shown.log_id, shown.group_info, shown.last_commit_seq) == (log, b"info 0", 0)
        assert (shown.link_secret, shown.lease_s) == (b"", limits.ROOM_LEASE_S)
        seq = (await bob.ask(coming_in(log, bob, 0, b"info 1"))).seq
        await alice.append(log, b"hello bob")
        await bob.listen(log, after=seq)
        assert (await bob.entry()).payload == b"hello bob"
        carol = await world.join()
        assert (await carol.ask(entrance(log))).group_info == b"info 1"


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"join_token": b"x" * 32}, errors.NoSuchRoom),
        ({"join_token": b""}, errors.NotAReader),
        ({"readers_added": []}, errors.BadRequest),
        ({"readers_added": [pb.Device(account_id=b"a" * 16, device_id=b"d" * 16)]}, errors.BadRequest),
        ({"readers_removed": [pb.Device(account_id=b"a" * 16, device_id=b"d" * 16)]}, errors.BadRequest),
        ({"room": None}, errors.BadRequest),
        ({"room": pb.Room()}, errors.BadRequest),
        ({"after_commit": 1}, errors.CommitConflict),
    ],
    ids=str,
)
async def test_a_newcomer_changes_nothing_but_that_it_comes_in(tmp_path, changes, refusal):
    async with running(tmp_path) as world:
        alice, mallory = await world.join(), await world.join()
        log = await make_room(alice)
        with pytest.raises(refusal):
            await mallory.ask(coming_in(log, mallory, 0, **changes))
        with pytest.raises(errors.NotAReader):
            await mallory.ask(message(log, b"hello"))
        assert (await mallory.ask(entrance(log))).group_info == b"info 0"


async def test_a_token_is_not_for_messages(tmp_path):
    async with running(tmp_path) as world:
        alice, mallory = await world.join(), await world.join()
        log = await make_room(alice)
        spoken = message(log, b"hello")
        spoken.join_token = TOKEN
        with pytest.raises(errors.BadRequest):
            await mallory.ask(spoken)


async def test_an_unknown_room_and_a_wrong_token_are_answered_alike(tmp_path):
    async with running(tmp_path) as world:
        alice, mallory = await world.join(), await world.join()
        log = await make_room(alice)
        chat = await alice.create_log()
        for where in (entrance(os.urandom(16)), entrance(log, b"x" * 32), entrance(log, b""), entrance(chat)):
            with pytest.raises(errors.NoSuchRoom):
                await mallory.ask(where)


async def test_a_newcomer_cannot_change_the_link_and_a_member_can(tmp_path):
    async with running(tmp_path) as world:
        alice, bob, carol = [await world.join() for _ in range(3)]
        log = await make_room(alice)
        await bob.ask(coming_in(log, bob, 0, room=room(b"info 1", join_token_hash=hashlib.sha256(b"m" * 32).digest())))
        assert (await carol.ask(entrance(log))).group_info == b"info 1"
        fresh = b"f" * 32
        kick = commit(log, b"kick bob", 1, readers_removed=[bob.someone.address])
        kick.room.CopyFrom(room(b"info 2", join_token_hash=hashlib.sha256(fresh).digest()))
        await alice.ask(kick)
        for who in (bob, carol):
            with pytest.raises(errors.NoSuchRoom):
                await who.ask(entrance(log))
        assert (await carol.ask(entrance(log, fresh))).last_commit_seq == 2


async def test_nobody_comes_into_a_locked_room_until_it_is_unlocked(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        log = await make_room(alice)
        lock = commit(log, b"lock", 0)
        lock.room.CopyFrom(room(b"info 1", join_token_hash=b""))
        await alice.ask(lock)
        with pytest.raises(errors.RoomLocked):
            await bob.ask(entrance(log))
        with pytest.raises(errors.RoomLocked):
            await bob.ask(coming_in(log, bob, 1))
        unlock = commit(log, b"unlock", 1)
        unlock.room.CopyFrom(room(b"info 2"))
        await alice.ask(unlock)
        assert await come_in(log, bob) == 3


async def test_into_a_locked_room_look_those_who_are_in_it_by_a_members_word(tmp_path):
    async with running(tmp_path) as world:
        alice, bob, carol = await world.join(), await world.join(), await world.join()
        log = await make_room(alice)
        await come_in(log, bob)
        lock = commit(log, b"lock", 1)
        lock.room.CopyFrom(room(b"info 2", join_token_hash=b"", readers=[alice.someone.address, bob.someone.address]))
        await alice.ask(lock)
        assert (await bob.ask(entrance(log))).group_info == b"info 2"
        with pytest.raises(errors.RoomLocked):
            await carol.ask(entrance(log))
        await bob.ask(coming_in(log, bob, 2, b"info 3"))
        with pytest.raises(errors.RoomLocked):
            await carol.ask(entrance(log))  # nobody has unlocked it by coming back
        going = message(log, b"I go")
        going.readers_removed.append(bob.someone.address)
        await bob.ask(going)
        with pytest.raises(errors.RoomLocked):
            await bob.ask(entrance(log))


async def test_a_newcomer_for_whom_nobody_has_vouched_does_not_look_into_a_locked_room(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        log = await make_room(alice)
        await come_in(log, bob)
        lock = commit(log, b"lock", 1)
        lock.room.CopyFrom(room(b"info 2", join_token_hash=b""))
        await alice.ask(lock)
        with pytest.raises(errors.RoomLocked):
            await bob.ask(entrance(log))


async def test_a_commit_in_a_room_brings_the_group_info_and_one_elsewhere_does_not(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join()
        log, chat = await make_room(alice), await alice.create_log()
        with pytest.raises(errors.BadRequest):
            await alice.ask(commit(log, b"without", 0))
        elsewhere = commit(chat, b"with", 0)
        elsewhere.room.CopyFrom(room())
        with pytest.raises(errors.BadRequest):
            await alice.ask(elsewhere)
        assert await alice.append(log, b"first") == 1


async def test_a_public_room_is_found_by_its_name_and_gives_its_secret(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        log = await make_room(alice, name="Lobby", link_secret=b"s" * 32)
        with pytest.raises(errors.RoomNameTaken):
            await make_room(bob, name="lobby")
        with pytest.raises(errors.BadRoomName):
            await make_room(bob, name="the lobby")
        shown = await bob.ask(pb.EnterRoom(name="LOBBY"))
        assert (shown.log_id, shown.link_secret) == (log, b"s" * 32)
        for name in ("elsewhere", "no name"):
            with pytest.raises(errors.NoSuchRoom):
                await bob.ask(pb.EnterRoom(name=name))


async def test_a_repeat_of_the_commit_that_let_a_device_in_gets_the_first_answer(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        log = await make_room(alice)
        made = coming_in(log, bob, 0)
        assert [(await bob.ask(made)).seq for _ in range(2)] == [1, 1]
        again = await world.back(bob.someone)
        assert (await again.ask(made)).seq == 1


async def test_of_many_who_come_at_once_each_gets_in_at_the_first_try(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join()
        log = await make_room(alice)
        crowd = [await world.join() for _ in range(20)]
        seqs = await asyncio.gather(*(come_in(log, one) for one in crowd))
        assert sorted(seqs) == list(range(1, 21))


async def test_whoever_lets_the_turn_pass_holds_the_others_up_for_the_lease_at_most(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        alice, idle, bob = [await world.join() for _ in range(3)]
        log = await make_room(alice)
        await idle.ask(entrance(log))
        waiting = await bob.begin(entrance(log))
        await bob.ask(pb.Acknowledge())
        assert not waiting.done()
        clock.forward(limits.ROOM_LEASE_S)
        assert (await waiting).group_info == b"info 0"


async def test_whoever_does_not_read_is_shown_no_further_rooms(tmp_path, monkeypatch):
    """A GroupInfo is large, and somebody may wait at many doors."""
    monkeypatch.setattr(limits, "SEND_QUEUE_BYTES", 5_000)
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        alice, idle, bob = await world.join(), await world.join(), await world.join(capacity_frames=1)
        logs = [await make_room(alice, group_info=bytes(4_000)) for _ in range(10)]
        for log in logs:
            await idle.ask(entrance(log))
        asked = [await bob.begin(entrance(log)) for log in logs]
        await bob.ask(pb.Acknowledge())
        (connection,) = [
            c
            for c in world.relay._context.sessions._connections.values()
            if c.session.account_id == bob.someone.account.id
        ]
        bob._task.cancel()
        clock.forward(limits.ROOM_LEASE_S)
        await settle(100)
        await world.relay._context.store.query(lambda _: None)  # behind those of all the doors
        await settle(100)
        assert 4_000 < connection.outgoing.queued_bytes < 5_000 + 4_000 + 1_000
        bob._task = asyncio.create_task(bob._receive())
        async with asyncio.timeout(20):
            answers = await asyncio.gather(*asked)
        shown = [answer for answer in answers if isinstance(answer, pb.RoomEntrance)]
        assert 1 <= len(shown) <= 4
        assert {answer.code for answer in answers if answer not in shown} == {"rate-limited"}


async def test_the_turn_goes_on_when_whoever_has_it_leaves(tmp_path):
    async with running(tmp_path, clock=Moves()) as world:
        alice, leaving, bob = [await world.join() for _ in range(3)]
        log = await make_room(alice)
        await leaving.ask(entrance(log))
        waiting = await bob.begin(entrance(log))
        await bob.ask(pb.Acknowledge())
        await leaving.link.close()
        async with asyncio.timeout(20):
            assert (await waiting).group_info == b"info 0"


async def test_whoever_lost_to_a_member_asks_again_and_keeps_the_turn(tmp_path):
    async with running(tmp_path, clock=Moves()) as world:
        alice, bob, carol = [await world.join() for _ in range(3)]
        log = await make_room(alice)
        await bob.ask(entrance(log))
        waiting = await carol.begin(entrance(log))
        await carol.ask(pb.Acknowledge())
        between = commit(log, b"fresh keys", 0)
        between.room.CopyFrom(room(b"info 1"))
        await alice.ask(between)
        with pytest.raises(errors.CommitConflict):
            await bob.ask(coming_in(log, bob, 0))
        assert await come_in(log, bob) == 2
        async with asyncio.timeout(20):
            assert (await waiting).last_commit_seq == 2


async def test_a_door_has_room_for_so_many_and_an_account_asks_so_often(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_ROOM_QUEUE", 1)
    monkeypatch.setitem(RATES, "enter_room", Rate(0.001, 3))
    async with running(tmp_path, clock=Moves()) as world:
        alice, one, two, three = [await world.join() for _ in range(4)]
        log = await make_room(alice)
        await one.ask(entrance(log))
        waiting = await two.begin(entrance(log))
        await two.ask(pb.Acknowledge())
        for _ in range(4):
            with pytest.raises(errors.RateLimited):
                await three.ask(entrance(log))
        replaced = await two.begin(entrance(log))
        assert (await waiting).code == "rate-limited"
        await one.link.close()
        async with asyncio.timeout(20):
            assert (await replaced).group_info == b"info 0"


async def test_a_room_goes_with_its_last_reader(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        log = await make_room(alice, name="lobby")
        leave = commit(log, b"leave", 0, readers_removed=[alice.someone.address])
        leave.room.CopyFrom(room(b"info 1"))
        seq = (await alice.ask(leave)).seq
        await alice.ask(pb.Acknowledge(positions=[pb.Position(log_id=log, seq=seq)]))
        with pytest.raises(errors.NoSuchRoom):
            await bob.ask(pb.EnterRoom(name="lobby"))
        await make_room(bob, name="lobby")


async def test_an_account_makes_so_many_rooms(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_ROOMS_PER_ACCOUNT", 2)
    async with running(tmp_path) as world:
        alice = await world.join()
        for _ in range(2):
            await make_room(alice)
        with pytest.raises(errors.QuotaExceeded):
            await make_room(alice)
        await alice.create_log()


async def test_a_group_info_that_a_backup_left_behind_lets_nobody_in_until_a_member_mends_it(tmp_path):
    alice, bob = Someone.new(), Someone.new()
    async with running(tmp_path) as world:
        maker = await world.join(alice)
        log = await make_room(maker)
        await world.join(bob)
        update = commit(log, b"fresh keys", 0)
        update.room.CopyFrom(room(b"info 1"))
        await maker.ask(update)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
        db.execute("UPDATE rooms SET commit_seq = 0")
    async with running(tmp_path) as world:
        maker, newcomer = await world.back(alice), await world.back(bob)
        assert [state.room_stale for state in await maker.listen(log)] == [True]
        with pytest.raises(errors.RoomStale):
            await newcomer.ask(entrance(log))
        mend = commit(log, b"fresh keys again", 1)
        mend.room.CopyFrom(room(b"info 2"))
        await maker.ask(mend)
        assert [state.room_stale for state in await maker.listen(log)] == [False]
        assert await come_in(log, newcomer) == 3


def renewing(log_id: bytes, after: int, token: bytes, *members: Peer) -> pb.Append:
    """A member's commit that renews the link and says who is in the group."""
    made = commit(log_id, b"renew the link", after)
    made.room.CopyFrom(room(b"info renewed", join_token_hash=hashlib.sha256(token).digest()))
    made.room.readers.extend(member.someone.address for member in members)
    return made


async def test_a_newcomer_puts_nobody_out_and_changes_no_link_before_a_member_has_named_it(tmp_path):
    async with running(tmp_path) as world:
        alice, bob, ghost, carol = [await world.join() for _ in range(4)]
        log = await make_room(alice, name="lobby", link_secret=b"s" * 32)
        await alice.ask(renewing(log, await come_in(log, bob), TOKEN, alice, bob))
        at = (await ghost.ask(coming_in(log, ghost, 2, b"no MLS at all"))).seq
        coup = renewing(log, at, b"g" * 32, ghost)
        coup.room.link_secret = b"g" * 32
        coup.readers_removed.extend([alice.someone.address, bob.someone.address])
        await ghost.ask(coup)
        await alice.append(log, b"still here")
        assert (await carol.ask(entrance(log))).link_secret == b""
        assert (await carol.ask(pb.EnterRoom(name="lobby"))).link_secret == b""


async def test_whoever_members_do_not_name_is_put_out_and_whoever_they_name_counts(tmp_path):
    async with running(tmp_path) as world:
        alice, bob, ghost, carol = [await world.join() for _ in range(4)]
        log = await make_room(alice)
        await come_in(log, bob)
        await ghost.listen(log)
        at = (await ghost.ask(coming_in(log, ghost, 1, b"no MLS at all"))).seq
        at = (await alice.ask(renewing(log, at, b"f" * 32, alice, bob))).seq
        for refused in (message(log, b"boo"), renewing(log, at, b"g" * 32, ghost)):
            with pytest.raises(errors.NotAReader):
                await ghost.ask(refused)
        at = (await bob.ask(renewing(log, at, b"n" * 32, bob))).seq
        assert (await carol.ask(entrance(log, b"n" * 32))).last_commit_seq == at
        with pytest.raises(errors.NotAReader):
            await alice.append(log, b"bob has put me out")


async def test_where_nobody_is_left_who_could_name_them_the_first_who_came_counts(tmp_path):
    async with running(tmp_path) as world:
        alice, bob, carol = [await world.join() for _ in range(3)]
        log = await make_room(alice)
        await come_in(log, bob)
        at = await come_in(log, carol)
        leave = commit(log, b"leave", at, readers_removed=[alice.someone.address])
        leave.room.CopyFrom(room(b"info"))
        at = (await alice.ask(leave)).seq
        await carol.ask(renewing(log, at, b"c" * 32, carol))
        await bob.append(log, b"still here")
        await bob.ask(renewing(log, at + 1, b"b" * 32, bob))
        with pytest.raises(errors.NotAReader):
            await carol.append(log, b"out")


async def test_a_newcomer_removes_whoever_has_said_that_it_goes(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        log = await make_room(alice)
        at = await come_in(log, bob)
        for named in ([bob.someone.address], [alice.someone.address, bob.someone.address]):
            wrong = message(log, b"somebody goes")
            wrong.readers_removed.extend(named)
            with pytest.raises(errors.BadRequest):
                await alice.ask(wrong)
        for number in range(2):
            removal = commit(log, b"remove alice %d" % number, at, readers_removed=[alice.someone.address])
            removal.room.CopyFrom(room(b"info"))
            at = (await bob.ask(removal)).seq
            going = message(log, b"I go %d" % number)
            going.readers_removed.append(alice.someone.address)
            if number == 0:
                at_message = (await alice.ask(going)).seq
                assert at_message == at + 1
        with pytest.raises(errors.NotAReader):
            await alice.append(log, b"still here?")


async def test_one_device_does_not_keep_the_door(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        alice, mallory, bob = [await world.join() for _ in range(3)]
        log = await make_room(alice)
        await mallory.ask(entrance(log))
        waiting = await bob.begin(entrance(log))
        await bob.ask(pb.Acknowledge())
        for _ in range(limits.MAX_ROOM_TURNS):
            assert not waiting.done()
            asked = await mallory.begin(entrance(log))
            await mallory.ask(pb.Acknowledge())
        async with asyncio.timeout(20):
            assert (await waiting).group_info == b"info 0"
        assert not asked.done()


async def test_what_commits_leave_at_the_door_is_bounded_by_size(tmp_path, monkeypatch):
    monkeypatch.setitem(RATES, ROOM_INFO, Rate(1.0, 3 * 1024.0))
    async with running(tmp_path, clock=Moves()) as world:
        alice = await world.join()
        log = await make_room(alice)
        for after in range(3):
            update = commit(log, b"update %d" % after, after)
            update.room.CopyFrom(room(bytes(1024)))
            await alice.ask(update)
        update = commit(log, b"one too many", 3)
        update.room.CopyFrom(room(bytes(1024)))
        with pytest.raises(errors.RateLimited):
            await alice.ask(update)


async def test_the_secret_of_a_private_room_is_not_kept(tmp_path):
    async with running(tmp_path) as world:
        await make_room(await world.join(), link_secret=b"s" * 32)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        assert db.execute("SELECT link_secret FROM rooms").fetchall() == [(None,)]
