"""Rooms as people use them: a link, a nickname, a crowd."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tacit.client.errors import NickTaken
from tacit.identity import format_link, parse_link
from tacit.testing.actor import Actor
from tacit.testing.evil import rewrite, rewrite_request
from tacit.testing.story import story
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb
from tests.stories.scenes import nothing_is_missing


async def room_of(world: World, *names: str, public: bool = False) -> tuple[str, list[Actor]]:
    """A room that the first one has made; the others have come in with its link, under their own names."""
    maker, *others = people = await world.people(*names)
    room = await maker.client.create_room("lobby", nick=maker.name, public=public)
    link = await maker.client.room_link(room.id)
    for other in others:
        await other.client.join_room(link, nick=other.name)
    await world.shortly()
    return room.id, people


async def all_agree(room: str, *people: Actor) -> None:
    """All see the same people under the same names, in the same epoch, and nothing is missing anywhere."""
    views = [await person.chat(room) for person in people]
    assert len({view.epoch for view in views}) == 1
    assert len({tuple(sorted(view.nicks.items())) for view in views}) == 1
    assert {view.status for view in views} == {"active"}
    for person in people:
        await nothing_is_missing(person, room)


@story
async def test_people_come_in_with_a_link_and_all_read_all(world: World) -> None:
    room, people = await room_of(world, "alice", "bob", "carol")
    for person in people:
        await person.says(room, f"{person.name} is here")
        await world.shortly()
    await all_agree(room, *people)
    for person in people:
        told = [f"{'me' if other is person else other.name}: {other.name} is here" for other in people]
        assert await person.hears(room) == told
    view = await people[0].chat(room)
    assert (view.kind, view.title, view.locked) == ("room", "lobby", False)
    assert sorted(view.nicks.values()) == ["alice", "bob", "carol"]
    assert [line for line in await people[0].sees(room) if line.startswith("--")] == [
        "-- created by alice 'lobby'",
        "-- joined by bob",
        "-- joined by carol",
    ]


@story
async def test_a_public_room_is_entered_by_its_name(world: World) -> None:
    alice, bob, carol = await world.people("alice", "bob", "carol")
    room = await alice.client.create_room("lobby", nick="alice", public=True)
    await bob.client.join_room("lobby", nick="bob")
    assert await carol.refused(carol.client.create_room("lobby", nick="carol", public=True)) == "room-name-taken"
    assert await carol.refused(carol.client.create_room("Not a name", nick="c", public=True)) == "room-name-refused"
    assert await carol.client.chats() == []
    await carol.restart()
    assert await carol.client.chats() == []
    assert await carol.refused(carol.client.join_room("elsewhere", nick="carol")) == "no-such-room"
    await carol.client.join_room("Lobby", nick="carol")
    await world.shortly()
    await all_agree(room.id, alice, bob, carol)


@story
async def test_a_room_that_is_not_public_has_no_name_at_the_relay(world: World) -> None:
    await room_of(world, "alice", "bob")
    (carol,) = await world.people("carol")
    assert await carol.refused(carol.client.join_room("lobby", nick="carol")) == "no-such-room"


@story
async def test_a_taken_name_is_refused_with_one_that_is_free(world: World) -> None:
    room, (alice, bob) = await room_of(world, "alice", "maya")
    (carol,) = await world.people("carol")
    link = await alice.client.room_link(room)
    for wanted, free in (("maya", "maya2"), ("MAYA", "MAYA2"), ("mауа", "mауа2")):
        with pytest.raises(NickTaken) as refused:
            await carol.client.join_room(link, nick=wanted)
        assert refused.value.suggestion == free
        assert free in refused.value.sentence
    assert await carol.refused(carol.client.join_room(link, nick="no name")) == "bad-nick"
    assert await carol.client.chats() == []
    assert (await alice.chat(room)).epoch == 1
    await carol.client.join_room(link, nick="maya2")
    with pytest.raises(NickTaken):
        await carol.client.change_nick(room, "Maya")
    await world.shortly()
    await all_agree(room, alice, bob, carol)


@story
async def test_a_name_is_changed_before_everybody(world: World) -> None:
    room, (alice, bob) = await room_of(world, "alice", "bob")
    await bob.says(room, "as bob")
    await world.shortly()
    await bob.client.change_nick(room, "robert")
    await world.shortly()
    await bob.says(room, "as robert")
    await world.shortly()
    texts = [(m.sender.name if m.sender else "", m.text) for m in await alice.messages(room) if m.kind == "text"]
    assert texts == [("bob", "as bob"), ("robert", "as robert")]
    own = [m.sender.name if m.sender else "" for m in await bob.messages(room) if m.kind == "text"]
    assert own == ["bob", "robert"]
    (line,) = [m.notice for m in await alice.messages(room) if m.notice and m.notice.code == "nick"]
    assert line.by is not None
    assert (line.by.name, line.name) == ("bob", "robert")
    await all_agree(room, alice, bob)


@story
async def test_who_is_put_out_stays_out_and_the_old_link_ends(world: World) -> None:
    room, (alice, bob, carol) = await room_of(world, "alice", "bob", "carol")
    (dave,) = await world.people("dave")
    old = await carol.client.room_link(room)
    assert await bob.refused(bob.client.kick(room, "carol")) == "not-allowed"
    await alice.client.kick(room, "Carol")
    await world.shortly()
    await bob.says(room, "without carol")
    await world.shortly()
    assert (await carol.chat(room)).status == "ended"
    assert "bob: without carol" not in await carol.hears(room)
    for stranger in (carol, dave):
        assert await stranger.refused(stranger.client.join_room(old, nick="again")) == "no-such-room"
    new = await bob.client.room_link(room)
    assert new != old
    await dave.client.join_room(new, nick="dave")
    await world.shortly()
    await all_agree(room, alice, bob, dave)
    assert "-- removed by alice of carol" in await bob.sees(room)
    await carol.client.join_room(new, nick="carol")  # who gets the new link is welcome again
    await carol.says(room, "back")
    await world.shortly()
    await all_agree(room, alice, bob, carol, dave)
    assert (await dave.hears(room))[-1] == "carol: back"


@story
async def test_a_locked_room_lets_nobody_in(world: World) -> None:
    room, (alice, bob) = await room_of(world, "alice", "bob")
    (carol,) = await world.people("carol")
    link = await bob.client.room_link(room)
    assert await bob.refused(bob.client.lock_room(room, locked=True)) == "not-allowed"
    await alice.client.lock_room(room, locked=True)
    await world.shortly()
    assert (await bob.chat(room)).locked
    assert await bob.refused(bob.client.room_link(room)) == "room-locked"
    assert await carol.refused(carol.client.join_room(link, nick="carol")) == "room-locked"
    await alice.client.lock_room(room, locked=False)
    await world.shortly()
    await carol.client.join_room(link, nick="carol")
    await world.shortly()
    assert [line for line in await bob.sees(room) if "lock" in line] == ["-- locked by alice", "-- unlocked by alice"]
    await all_agree(room, alice, bob, carol)


@story
async def test_who_goes_is_gone_and_the_last_one_closes_the_door(world: World) -> None:
    room, (alice, bob) = await room_of(world, "alice", "bob")
    link = await bob.client.room_link(room)
    await bob.client.leave(room)
    await world.shortly()
    assert (await bob.chat(room)).status == "ended"
    assert (await alice.sees(room))[-2:] == ["-- joined by bob", "-- left by bob"]
    await bob.client.join_room(link, nick="bob")
    await world.shortly()
    await all_agree(room, alice, bob)
    for last in (alice, bob):
        await last.client.leave(room)
        await world.shortly()
        assert (await last.chat(room)).status == "ended"
    assert await alice.refused(alice.client.join_room(link, nick="alice")) == "room-locked"


@story
async def test_a_word_in_private_needs_no_asking_among_those_in_a_room(world: World) -> None:
    room, (alice, bob, carol) = await room_of(world, "alice", "bob", "carol")
    person = await bob.client.member_of(room, "ALICE")
    assert (person.id, person.name) == (alice.id, "alice")
    await bob.says(person.id, "just for you")
    await world.shortly()
    assert await alice.hears(bob) == ["bob: just for you"]
    assert await alice.requests() == []
    await alice.says(bob, "thank you")
    await world.shortly()
    assert await bob.hears(alice) == ["me: just for you", "alice: thank you"]
    assert "just for you" not in str(await carol.client.history(room, limit=100))
    assert [chat.id for chat in await carol.client.chats()] == [room]
    assert await bob.refused(bob.client.member_of(room, "dave")) == "not-found"


@story
async def test_who_was_away_when_somebody_came_in_is_not_asked_either(world: World) -> None:
    """The word in private lies in the inbox, which is fetched before the room's log that tells who is there."""
    room, (alice, _) = await room_of(world, "alice", "bob")
    (carol,) = await world.people("carol")
    link = await alice.client.room_link(room)
    await alice.go_offline()
    await carol.client.join_room(link, nick="carol")
    await carol.says((await carol.client.member_of(room, "alice")).id, "when you are back")
    await world.shortly()
    await alice.go_online()
    assert await alice.requests() == []
    assert await alice.hears(carol) == ["carol: when you are back"]
    await alice.says(carol, "I am")
    await world.shortly()
    assert (await carol.hears(alice))[-1] == "alice: I am"
    (direct,) = [chat for chat in await alice.client.chats() if chat.kind == "direct"]
    assert direct.peer is not None
    assert direct.peer.status == "accepted"


@story
async def test_strangers_from_no_common_room_and_the_blocked_still_have_to_ask(world: World) -> None:
    room, (alice, bob, carol) = await room_of(world, "alice", "bob", "carol")
    (dave,) = await world.people("dave")
    await dave.says(alice, "let me in")
    await carol.client.leave(room)
    await world.shortly()
    await carol.says(alice, "I was there")
    await world.shortly()
    assert await alice.requests() == ["carol", "dave"]
    await alice.client.block((await alice.client.member_of(room, "bob")).id)
    await bob.says(alice, "hello?")
    await world.shortly()
    assert await alice.hears(bob) == []
    assert await alice.requests() == ["carol", "dave"]


@story
async def test_nobody_tells_a_room_what_he_has_read(world: World) -> None:
    room, (alice, bob) = await room_of(world, "alice", "bob")
    await alice.says(room, "hello")
    await world.shortly()
    await bob.reads(room)
    await world.advance(30)
    assert await alice.state_of(room, "hello") == "relayed"
    assert (await bob.chat(room)).unread == 0
    await all_agree(room, alice, bob)


@story
async def test_what_is_no_room_has_no_link(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    chat = await alice.creates("friends", bob)
    await world.shortly()
    for doing in (
        alice.client.room_link(chat),
        alice.client.change_nick(chat, "x"),
        alice.client.kick(chat, "bob"),
        alice.client.lock_room(chat, locked=True),
        alice.client.member_of(chat, "bob"),
    ):
        assert await alice.refused(doing) == "not-a-room"


@story
async def test_who_is_in_comes_in_again_without_a_trace(world: World) -> None:
    room, (alice, bob) = await room_of(world, "alice", "bob")
    before = (await alice.chat(room)).epoch
    await bob.client.join_room(await alice.client.room_link(room), nick="bob")
    await world.shortly()
    assert (await alice.chat(room)).epoch == before
    await all_agree(room, alice, bob)


@story
async def test_when_the_first_is_away_the_next_lets_somebody_go(world: World) -> None:
    """In a room not all lose patience at once: the lowest leaf that is there commits, and the others need not."""
    room, people = await room_of(world, "alice", "bob", "carol", "dave")
    alice, bob, carol, dave = people
    await alice.go_offline()
    await dave.client.leave(room)
    await world.advance(120)
    assert (await dave.chat(room)).status == "ended"
    commits = [
        (person.name, p.body)
        for person in (bob, carol)
        for p in person.way.passed
        if p.name == "append" and p.body.kind == pb.ENTRY_KIND_COMMIT and not p.body.join_token
    ]
    assert [name for name, _ in commits] == ["bob"]
    await alice.go_online()
    await all_agree(room, alice, bob, carol)


@story
async def test_a_room_that_is_full_takes_nobody_more(world: World) -> None:
    room, (alice, _) = await room_of(world, "alice", "bob")
    (carol,) = await world.people("carol")
    link = await alice.client.room_link(room)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tacit.client.core.room_size.FEW", 2)
        patch.setattr("tacit.client.core.room_size.FULL_BYTES", 1_000)
        assert await carol.refused(carol.client.join_room(link, nick="carol")) == "room-full"
    await world.shortly()
    assert (await alice.chat(room)).epoch == 1
    await carol.client.join_room(link, nick="carol")


@story
async def test_a_link_to_another_relay_or_to_no_room_is_told(world: World) -> None:
    room, (alice, bob) = await room_of(world, "alice", "bob")
    link = await alice.client.room_link(room)
    relay = parse_link(link)
    other = format_link(replace(relay, fingerprint=bytes(32)))
    (carol,) = await world.people("carol")
    for where, code in (
        (other, "other-relay"),
        (bob.client.contact_link, "usage"),
        (link[:-1], "bad-link"),
        (format_link(replace(relay, room_secret=bytes(32))), "no-such-room"),
        (format_link(replace(relay, room_id=bytes(16))), "no-such-room"),
    ):
        assert await carol.refused(carol.client.join_room(where, nick="carol")) == code, where


@story
async def test_who_asks_twice_at_once_is_in_once(world: World) -> None:
    room, (alice, bob) = await room_of(world, "alice", "bob")
    (carol,) = await world.people("carol")
    link = await alice.client.room_link(room)
    views = await asyncio.gather(*(carol.client.join_room(link, nick="carol") for _ in range(3)))
    assert {view.id for view in views} == {room}
    await world.shortly()
    assert (await bob.sees(room)).count("-- joined by carol") == 1
    await all_agree(room, alice, bob, carol)
    await carol.says(room, "once")
    await world.shortly()
    assert await bob.hears(room) == ["carol: once"]


@story
async def test_a_join_that_was_cut_off_goes_on_by_itself(world: World) -> None:
    """The commit has left, the answer is lost, and the network is away for a while: nothing is done twice."""
    room, (alice, bob) = await room_of(world, "alice", "bob")
    (carol,) = await world.people("carol")
    link = await alice.client.room_link(room)
    stop = carol.way.meddle(rewrite("appended", lambda body: None))
    joining = asyncio.create_task(carol.client.join_room(link, nick="carol"))
    await world.advance(5)
    assert not joining.done()
    stop()
    carol.way.cut()
    assert (await joining).id == room
    await world.shortly()
    assert (await bob.sees(room)).count("-- joined by carol") == 1
    await all_agree(room, alice, bob, carol)


@story
async def test_a_join_goes_on_even_if_the_relay_takes_no_keys(world: World) -> None:
    """The process ends before the commit has left; at the next start the relay refuses what is told it first."""
    room, (alice, bob) = await room_of(world, "alice", "bob")
    (carol,) = await world.people("carol")
    stop = carol.way.meddle(rewrite_request("append", lambda body: None))
    joining = asyncio.create_task(carol.client.join_room(await alice.client.room_link(room), nick="carol"))
    await world.advance(5)
    await carol.stop()
    await asyncio.gather(joining, return_exceptions=True)
    stop()

    def without_keys(body: pb.LoggedIn) -> pb.LoggedIn:
        body.one_time_key_packages = 0
        return body

    carol.way.meddle(rewrite("logged_in", without_keys))
    carol.way.meddle(rewrite("keys_set", lambda body: pb.Error(code="quota", sentence="no")))
    await carol.start()
    await world.shortly()
    assert (await bob.sees(room)).count("-- joined by carol") == 1
    await all_agree(room, alice, bob, carol)
