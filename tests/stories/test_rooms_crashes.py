"""Death while coming into a room: whoever got in is in, whoever did not may ask again, and nobody is there twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tacit.errors import TacitError
from tacit.testing.clock import run_in_world
from tacit.testing.crashes import Crashed, CrashPlan
from tacit.testing.evil import rewrite, rewrite_request
from tacit.testing.links import Cut, Deliver, Passing, Step
from tacit.testing.story import story
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb
from tests.stories.test_rooms import all_agree, room_of

pytestmark = pytest.mark.no_cover

PARTS = 8
"""Every so many moments in one test; the first of them runs everywhere, the others where there is time."""


async def play(world: World, at: int, *, crowd: bool) -> CrashPlan:
    """Carol dies at one moment of coming in, perhaps while somebody else comes in; at the end all three talk."""
    room, (alice, bob) = await room_of(world, "alice", "bob")
    carol, dave = await world.people("carol", "dave")
    link = await alice.client.room_link(room)
    plan = carol.doom(at)
    try:
        await carol.client.join_room(link, nick="carol")
    except (TacitError, Crashed):
        assert plan.is_dead
    if crowd:
        await dave.client.join_room(link, nick="dave")
    await world.advance(90)
    await carol.rise()
    await world.advance(30)
    if not any(chat.status == "active" for chat in await carol.client.chats()):
        await carol.client.join_room(link, nick="carol")
    for person in (alice, bob, carol):
        await person.says(room, f"{person.name} is here")
        await world.advance(30)
    await all_agree(room, alice, bob, carol, *([dave] if crowd else []))
    for person in (alice, bob, carol):
        heard = await person.hears(room)
        assert [line.split(": ")[1] for line in heard][-3:] == ["alice is here", "bob is here", "carol is here"]
    assert [line for line in await alice.sees(room) if line == "-- joined by carol"] == ["-- joined by carol"]
    return plan


def played(folder: Path, at: int, *, crowd: bool) -> CrashPlan:
    async def run() -> CrashPlan:
        async with World(folder) as world:
            return await play(world, at, crowd=crowd)

    return run_in_world(run)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.long) for part in range(1, PARTS))])
def test_dying_while_coming_in(part: int, tmp_path: Path) -> None:
    died: list[str] = []
    for at in range(part + 1, 400, PARTS):
        plan = played(tmp_path / str(at), at, crowd=at % 2 == 0)
        if not plan.is_dead:
            break
        died.append(plan.moments[at - 1])
    else:
        pytest.fail("coming in never ends")
    assert died


class CutOnce:
    """Cuts the way when so many frames have passed over it, before or after the last of them."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.done = False

    def meddle(self, passing: Passing) -> Sequence[Step] | None:
        if self.done:
            return None
        self.left -= 1
        if self.left > 0:
            return None
        self.done = True
        return [Cut()] if passing.to_relay else [Deliver(passing.frame), Cut()]


async def cut(world: World, at: int) -> bool:
    """Carol's connection is cut once while she comes in; whether there was a frame to cut at."""
    room, (alice, bob) = await room_of(world, "alice", "bob")
    (carol,) = await world.people("carol")
    link = await alice.client.room_link(room)
    plan = CutOnce(at)
    carol.way.meddle(plan.meddle)
    await carol.client.join_room(link, nick="carol")
    await world.advance(60)
    for person in (alice, bob, carol):
        await person.says(room, f"{person.name} is here")
        await world.advance(30)
    await all_agree(room, alice, bob, carol)
    assert (await alice.sees(room)).count("-- joined by carol") == 1
    assert (await alice.hears(room)) == ["me: alice is here", "bob: bob is here", "carol: carol is here"]
    return plan.done


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.long) for part in range(1, PARTS))])
def test_a_cut_while_coming_in(part: int, tmp_path: Path) -> None:
    cuts = 0
    for at in range(part + 1, 400, PARTS):

        async def run(at: int = at) -> bool:
            async with World(tmp_path / str(at)) as world:
                return await cut(world, at)

        if not run_in_world(run):
            break
        cuts += 1
    else:
        pytest.fail("coming in never ends")
    assert cuts


@story
async def test_who_died_at_the_door_of_a_busy_relay_comes_in_once_it_has_time(world: World) -> None:
    room, (alice, bob) = await room_of(world, "alice", "bob")
    (carol,) = await world.people("carol")
    link = await alice.client.room_link(room)
    stop = carol.way.meddle(rewrite("appended", lambda body: pb.Error(code="storage-full")))
    stop_asking = carol.way.meddle(rewrite_request("append", lambda body: None if body.join_token else body))
    joining = asyncio.create_task(carol.client.join_room(link, nick="carol"))
    await world.advance(5)
    await carol.stop()
    with pytest.raises(TacitError):
        await joining
    stop_asking()
    await carol.start()
    await world.advance(20)
    assert (await alice.sees(room)).count("-- joined by carol") == 1
    stop()
    await world.advance(60)
    await all_agree(room, alice, bob, carol)
