"""What people notice when whoever runs their relay suspends, resumes or deletes one of them."""

from __future__ import annotations

from typing import Any

from tacit.relay.admin.desk import Live, running_desk
from tacit.relay.admin.operations import Role, perform
from tacit.testing.story import story_on_disk
from tacit.testing.world import World


async def operator(world: World, operation: str, **args: Any) -> None:
    """Have the operator do something at the running relay."""
    context = world.relay.relay._context
    live = Live(context, 0.0, lambda: 0, lambda back_in_s, stay: None)
    await perform(running_desk(live, world.folder / "relay"), Role.ADMIN, operation, args)


@story_on_disk
async def test_somebody_suspended_is_told_and_goes_on_by_themselves_when_resumed(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "before")
    await world.advance(10)
    await operator(world, "suspend", who="@bob")
    await world.advance(10)
    assert bob.disconnected_by() == "account-suspended"
    await alice.says(bob, "while you are away")
    await bob.says(alice, "does anybody hear me?")
    await world.advance(60)
    assert await alice.hears(bob) == ["me: before", "me: while you are away"]
    assert await bob.hears(alice) == ["alice: before", "me: does anybody hear me?"]
    await operator(world, "resume", who="@bob")
    await world.advance(60)
    assert "alice: while you are away" in await bob.hears(alice)
    assert "bob: does anybody hear me?" in await alice.hears(bob)


@story_on_disk
async def test_somebody_deleted_is_told_and_does_not_come_back_unasked(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "before")
    await world.advance(10)
    await operator(world, "delete", who="@bob")
    await world.advance(300)
    assert bob.disconnected_by() == "account-deleted"
    await alice.says(bob, "are you there?")
    await world.advance(60)
    assert await alice.hears(bob) == ["me: before", "me: are you there?"]
    assert await bob.hears(alice) == ["alice: before"]
