"""A newcomer's commit that only some members can follow: the room finds together again, and nobody commits for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from tacit import limits
from tacit.mls.commits import UpdatePath
from tacit.mls.update_paths import encrypt_path
from tacit.testing.actor import Actor
from tacit.testing.evil import rewrite
from tacit.testing.story import story
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb
from tests.stories.test_rooms import room_of
from tests.stories.test_rooms_evil import sent_commits, talk


@contextmanager
def spoilt_paths(place: int, where: str = "external_commits") -> Iterator[None]:
    """What is encrypted to those below one node of a path is not the secret that it should be."""

    def spoil(*args: Any, **kwargs: Any) -> UpdatePath:
        path = encrypt_path(*args, **kwargs)
        nodes = list(path.nodes)
        spoilt = (replace(c, ciphertext=bytes(len(c.ciphertext))) for c in nodes[place].encrypted_path_secret)
        nodes[place] = replace(nodes[place], encrypted_path_secret=tuple(spoilt))
        return replace(path, nodes=tuple(nodes))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"tacit.mls.{where}.encrypt_path", spoil)
        yield


async def divided(world: World, place: int) -> tuple[str, list[Actor]]:
    """A room of three whom a fourth has divided; he goes at once."""
    room, people = await room_of(world, "alice", "bob", "carol")
    (eve,) = await world.people("eve")
    with spoilt_paths(place):
        await eve.client.join_room(await people[0].client.room_link(room), nick="eve")
    await eve.stop()
    return room, people


@pytest.mark.parametrize("place", [0, 1], ids=["the-last-cannot-follow", "the-first-two-cannot-follow"])
@story
async def test_who_could_not_follow_comes_back_by_the_door(world: World, place: int) -> None:
    room, people = await divided(world, place)
    await world.advance(6 * limits.MINUTE_S)
    await talk(room, *people)
    views = [await person.chat(room) for person in people]
    assert len({view.epoch for view in views}) == 1
    assert len({tuple(sorted(view.nicks.items())) for view in views}) == 1
    commits = [len(sent_commits(person)) for person in people]
    await world.advance(10 * limits.MINUTE_S)
    assert [len(sent_commits(person)) for person in people] == commits, "there is nothing left to mend"


@story
async def test_where_nobody_can_come_back_few_commits_are_made(world: World) -> None:
    """The relay shows carol something that is no room, so she stays where she is."""
    room, people = await room_of(world, "alice", "bob", "carol")
    (eve,) = await world.people("eve")
    people[2].way.meddle(rewrite("room_entrance", lambda body: pb.RoomEntrance(log_id=body.log_id)))
    with spoilt_paths(0):
        await eve.client.join_room(await people[0].client.room_link(room), nick="eve")
    await eve.stop()
    await world.advance(limits.HOUR_S)
    assert (await people[2].chat(room)).status == "active"
    assert sum(len(sent_commits(person)) for person in people) <= 3 + 3 * 7
    for _ in range(2):
        before = sum(len(sent_commits(person)) for person in people)
        await world.advance(limits.HOUR_S)
        assert sum(len(sent_commits(person)) for person in people) - before <= 3 * 5


@story
async def test_who_is_started_again_and_again_mends_no_more_than_who_keeps_running(world: World) -> None:
    """As a job does that says one thing and ends; the relay says each time that it shows newcomers something old."""
    room, (alice, bob) = await room_of(world, "alice", "bob")
    stop = alice.way.meddle(rewrite("listening", stale))
    before = len(sent_commits(alice))
    for _ in range(30):
        await alice.restart()
        await world.advance(60)
    assert 1 <= len(sent_commits(alice)) - before <= 6
    stop()
    await talk(room, alice, bob)


def stale(body: pb.Listening) -> pb.Listening:
    """The relay's word that it shows newcomers something old."""
    for told in body.logs:
        told.room_stale = True
    return body


async def divided_by_a_member(world: World, *names: str, renewing: bool = False) -> tuple[str, list[Actor]]:
    """A locked room that one of its members has divided, so that the last one cannot follow."""
    room, people = await room_of(world, *names)
    alice, bob = people[:2]
    await alice.client.lock_room(room, locked=True)
    await world.shortly()
    with spoilt_paths(-1, "commit_creation"):
        if renewing:
            await alice.client.kick(room, bob.name)
        else:
            await bob.client.change_nick(room, "bobby")
        await world.shortly()
    return room, people


@story
async def test_a_locked_room_lets_those_back_in_who_are_in_it(world: World) -> None:
    room, people = await divided_by_a_member(world, "alice", "bob", "carol")
    alice, bob, carol = people
    (dave,) = await world.people("dave")
    for text in ("who follows me?", "and now?"):
        await alice.says(room, text)
        await world.advance(2 * limits.MINUTE_S)
    await alice.client.change_nick(room, "alicia")
    await world.advance(6 * limits.MINUTE_S)
    await talk(room, *people)
    views = [await person.chat(room) for person in people]
    assert len({view.epoch for view in views}) == 1
    assert all(view.locked for view in views)
    assert "-- behind [missed-commit]" in await carol.sees(room)
    assert not [line for line in await bob.sees(room) if "carol" in line and line.startswith("--")][1:]
    await alice.client.lock_room(room, locked=False)
    await world.shortly()
    link = await alice.client.room_link(room)
    await alice.client.lock_room(room, locked=True)
    await world.shortly()
    assert await dave.refused(dave.client.join_room(link, nick="dave")) == "room-locked"


@story
async def test_who_cannot_come_back_is_told_to_ask_for_the_new_link(world: World) -> None:
    """The change that carol could not follow has renewed the link, so she has nothing to come back with."""
    room, people = await divided_by_a_member(world, "alice", "bob", "carol", renewing=True)
    alice, _, carol = people
    await alice.client.lock_room(room, locked=False)
    await alice.says(room, "who follows me?")
    await world.advance(6 * limits.MINUTE_S)
    assert (await carol.sees(room))[-1] == "-- behind [no-way-back]"
    await carol.restart()
    await world.advance(limits.MINUTE_S)
    assert (await carol.sees(room)).count("-- behind [no-way-back]") == 1
    await carol.client.join_room(await alice.client.room_link(room), nick="carol")
    await world.shortly()
    await talk(room, alice, carol)
    assert (await carol.chat(room)).epoch == (await alice.chat(room)).epoch
