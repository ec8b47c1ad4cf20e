"""A member of a room whom another member has the relay cut off, by a word in a commit of his own: he comes back."""

from __future__ import annotations

import pytest

from tacit.testing.actor import Actor
from tacit.testing.evil import rewrite_request
from tacit.testing.story import story
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb
from tests.stories.test_rooms import room_of
from tests.stories.test_rooms_evil import talk


async def cut_off(world: World) -> tuple[str, list[Actor]]:
    """A room of three in which eve has cut bob off."""
    room, (alice, bob, eve) = await room_of(world, "alice", "bob", "eve")
    await alice.client.change_nick(room, "alicia")  # whoever came in before a member's commit is one, too
    await world.shortly()
    account, device = await bob.client._runtime.read(lambda books: books.me.device)

    def evict(body: pb.Append) -> pb.Append:
        if body.kind == pb.ENTRY_KIND_COMMIT:
            body.readers_removed.append(pb.Device(account_id=account, device_id=device))
        return body

    stop = eve.way.meddle(rewrite_request("append", evict))
    await eve.client.change_nick(room, "eva")
    await world.shortly()
    stop()
    await alice.says(room, "who hears me?")
    await world.advance(30)
    assert "alice: who hears me?" not in await bob.hears(room)
    return room, [alice, bob, eve]


@pytest.mark.parametrize("how", ["by the next connection", "by what he says", "by the link"])
@story
async def test_who_was_cut_off_comes_back(world: World, how: str) -> None:
    room, (alice, bob, eve) = await cut_off(world)
    if how == "by the next connection":
        await bob.restart()
    elif how == "by what he says":
        await bob.says(room, "nobody answers")
    else:
        await bob.restart()
        await bob.client.join_room(await alice.client.room_link(room), nick="bob")
    await world.advance(60)
    assert (await bob.chat(room)).status == "active"
    assert any(line.startswith("-- behind") for line in await bob.sees(room))
    await talk(room, alice, bob, eve)
    assert len({(await person.chat(room)).epoch for person in (alice, bob, eve)}) == 1
