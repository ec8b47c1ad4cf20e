"""Members of a room who lie to it: nobody is put out of it for good, and nobody is made to commit without end."""

from __future__ import annotations

import os

import pytest

from tacit import limits
from tacit.client.books import Books
from tacit.client.core.room_keys import join_token
from tacit.client.model import GroupId
from tacit.identity import parse_link
from tacit.mls.messages import PrivateMessage, decode_message, encode_message
from tacit.testing.actor import Actor
from tacit.testing.evil import rewrite_request
from tacit.testing.links import Deliver, Passing, Step
from tacit.testing.story import story
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import NotAReader
from tacit.wire.frames import encode_request
from tests.stories.test_rooms import room_of
from tests.stories.test_rooms_evil import sent_commits, talk


def later(m: PrivateMessage) -> PrivateMessage:
    """The same as if it were of an epoch far ahead."""
    return PrivateMessage(
        m.group_id, m.epoch + 1_000, m.content_type, m.authenticated_data, m.encrypted_sender_data, m.ciphertext
    )


async def lie(room: str, eve: Actor) -> None:
    """Have all think that others have gone on without them, before anybody can set right what lies at the door.

    A change that is none, with a false description of the room, and right behind it a word of an epoch to come.
    """
    group_id = GroupId(bytes.fromhex(room.partition(":")[2]))
    state = await eve.client._runtime.read(lambda books: books.state(group_id))
    assert state is not None
    last_commit = state.conversation.last_commit

    def lying(passing: Passing) -> list[Step] | None:
        if not passing.to_relay or passing.name != "append":
            return None
        body = passing.body
        message = decode_message(body.payload)
        assert isinstance(message, PrivateMessage)
        change = pb.Append(
            log_id=body.log_id,
            message_id=bytes(reversed(body.message_id)),
            kind=pb.ENTRY_KIND_COMMIT,
            payload=bytes(100),
            after_commit=last_commit,
            room=pb.Room(group_info=bytes(100), join_token_hash=bytes(32)),
        )
        body.payload = encode_message(later(message))
        numbered = ((passing.request_id, change), (passing.request_id + 1, body))
        return [Deliver(encode_request(number, request)) for number, request in numbered]

    stop = eve.way.meddle(lying)
    await eve.says(room, "from later")
    await eve.world.settle()
    stop()


@story
async def test_who_pretends_that_others_have_gone_on_puts_nobody_out(world: World) -> None:
    room, (alice, bob, eve) = await room_of(world, "alice", "bob", "eve")
    await lie(room, eve)
    await eve.stop()
    await world.advance(limits.MINUTE_S)
    assert "-- behind [missed-commit]" in await alice.sees(room)
    await talk(room, alice, bob)
    assert len({(await person.chat(room)).epoch for person in (alice, bob)}) == 1
    (dave,) = await world.people("dave")
    await dave.client.join_room(await bob.client.room_link(room), nick="dave")
    await talk(room, alice, bob, dave)


@story
async def test_who_lies_each_minute_is_answered_ever_less_often(world: World) -> None:
    room, (alice, bob, eve) = await room_of(world, "alice", "bob", "eve")
    before = [len(sent_commits(person)) + asked(person) for person in (alice, bob)]
    for _ in range(45):
        await lie(room, eve)
        await world.advance(limits.MINUTE_S)
    await eve.stop()
    assert (await alice.sees(room)).count("-- invalid-commit [malformed]") > 30
    after = [len(sent_commits(person)) + asked(person) for person in (alice, bob)]
    assert all(more - less <= 16 for less, more in zip(before, after, strict=True)), (before, after)
    await world.advance(20 * limits.MINUTE_S)
    await talk(room, alice, bob)
    assert len({(await person.chat(room)).epoch for person in (alice, bob)}) == 1


def asked(actor: Actor) -> int:
    """How often somebody has looked through the door of a room."""
    return sum(passing.name == "enter_room" for passing in actor.way.passed)


@story
async def test_who_takes_the_room_away_from_all_others_is_told_by_what_they_see(world: World) -> None:
    """The relay takes a member's word for who reads and which link is good: it cannot know better, people can."""
    room, (alice, bob, eve) = await room_of(world, "alice", "bob", "eve")
    await alice.client.change_nick(room, "alicia")  # which names eve, so that the relay takes her word
    await world.shortly()
    mine = pb.Device(**dict(zip(("account_id", "device_id"), await eve.client._runtime.read(own_device), strict=True)))

    def seize(body: pb.Append) -> pb.Append:
        if body.kind == pb.ENTRY_KIND_COMMIT:
            body.room.join_token_hash = bytes(32)
            del body.room.readers[:]
            body.room.readers.append(mine)
        return body

    eve.way.meddle(rewrite_request("append", seize))
    await eve.client.change_nick(room, "empress")
    await world.shortly()
    for person in (alice, bob):
        await person.says(room, "is anybody here?")
    await world.advance(5 * limits.MINUTE_S)
    for person in (alice, bob):
        assert (await person.sees(room))[-2:] == ["-- behind [log-lost]", "-- behind [no-way-back]"]
        assert await person.state_of(room, "is anybody here?") == "failed"
    again = await alice.client.create_room("lobby", nick="alice")
    await bob.client.join_room(await alice.client.room_link(again.id), nick="bob")
    await talk(again.id, alice, bob)


def own_device(books: Books) -> tuple[bytes, bytes]:
    return books.me.device


@story
async def test_who_fills_a_log_with_rubbish_does_not_fill_histories_with_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has the link reads and writes there after a commit that no member takes, until it is mended or locked."""
    monkeypatch.setattr(limits, "NOBODYS_LINES", 5)
    room, (alice, bob) = await room_of(world, "alice", "bob")
    eve = await world.person("eve")
    await come_in_past_the_members(room, alice, eve)
    await world.shortly()  # they set right what he left at the door, and are not as quick the second time
    await come_in_past_the_members(room, alice, eve)
    before = len(await bob.sees(room))
    for _ in range(20):
        await eve.client._runtime.uplink.require().request(rubbish(room, pb.ENTRY_KIND_MESSAGE), pb.Appended)
    await alice.says(room, "what is this?")
    await world.shortly()
    *lines, said = (await bob.sees(room))[before:]
    assert said == "alice: what is this?"
    assert len(lines) == 4
    assert lines[-1] == "-- undecryptable [too-many]"
    await alice.client.lock_room(room, locked=True)
    await world.shortly()
    with pytest.raises(NotAReader):
        await eve.client._runtime.uplink.require().request(rubbish(room, pb.ENTRY_KIND_MESSAGE), pb.Appended)


async def come_in_past_the_members(room: str, member: Actor, eve: Actor) -> None:
    """Show the relay what it asks for, and commit nothing that is any use."""
    link = parse_link(await member.client.room_link(room))
    token = join_token(link.room_secret, link.room_id)
    account_id, device_id = await eve.client._runtime.read(own_device)
    relay = eve.client._runtime.uplink.require()
    shown = await relay.request(pb.EnterRoom(log_id=link.room_id, join_token=token), pb.RoomEntrance)
    commit = rubbish(room, pb.ENTRY_KIND_COMMIT)
    commit.after_commit, commit.join_token = shown.last_commit_seq, token
    commit.readers_added.add(account_id=account_id, device_id=device_id)
    commit.room.group_info = b"none"
    await relay.request(commit, pb.Appended)


def rubbish(room: str, kind: pb.EntryKind.ValueType) -> pb.Append:
    log_id = bytes.fromhex(room.partition(":")[2])
    return pb.Append(log_id=log_id, kind=kind, payload=b"rubbish", message_id=os.urandom(16))
