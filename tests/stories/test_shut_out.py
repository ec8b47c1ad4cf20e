"""What people notice when whoever runs their relay suspends, resumes or deletes one of them."""

from __future__ import annotations

from typing import Any

from tacit.limits import HOUR_S
from tacit.relay.admin.desk import Live, running_desk
from tacit.relay.admin.operations import perform
from tacit.relay.control_lines import Role
from tacit.testing.actor import Actor
from tacit.testing.evil import rewrite, rewrite_request
from tacit.testing.story import story_on_disk
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb


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


@story_on_disk
async def test_who_writes_to_somebody_deleted_is_told_once_that_nobody_is_there(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "before")
    await world.advance(60)
    await operator(world, "delete", who="@bob")
    await alice.says(bob, "are you there?")
    await world.advance(60)
    told = ["me: before", "me: are you there?", "-- account-gone of bob"]
    assert await alice.sees(bob) == told
    assert await alice.state_of(bob, "are you there?") == "relayed"
    await alice.says(bob, "hello?")
    await world.advance(2 * HOUR_S)
    await alice.restart()
    await world.advance(2 * HOUR_S)
    assert await alice.sees(bob) == [*told, "me: hello?"]
    assert lookups(alice, bob) <= 3


@story_on_disk
async def test_a_message_that_waits_since_before_the_start_is_enough_to_ask(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await bob.go_offline()
    await alice.says(bob, "read it tomorrow")
    await world.advance(5)
    assert await alice.state_of(bob, "read it tomorrow") == "relayed"
    await alice.stop()
    await operator(world, "delete", who="@bob")
    await alice.start()
    await world.advance(60)
    assert (await alice.sees(bob))[-1] == "-- account-gone of bob"


@story_on_disk
async def test_of_a_group_those_who_have_not_got_it_are_asked_after_and_the_group_stays_as_it_is(world: World) -> None:
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    await alice.says(chat, "before")
    await alice.says(carol, "only for you")
    await world.advance(60)
    assert lookups(alice, bob, carol) == 0, "everybody has it"
    await operator(world, "delete", who="@carol")
    await alice.says(chat, "who is there?")
    await world.advance(60)
    assert (await alice.sees(chat))[-1] == "-- account-gone of carol"
    assert lookups(alice, bob) == 0
    assert await alice.members(chat) == ["alice", "bob", "carol"], "the relay has no say in it"
    assert (await alice.sees(carol))[-1] == "-- account-gone of carol", "in every chat with her"
    await bob.says(chat, "I am")
    await world.advance(60)
    assert (await bob.sees(chat))[-1] == "-- account-gone of carol"
    await alice.client.remove(chat, carol.id)
    await world.advance(60)
    assert await bob.members(chat) == ["alice", "bob"]


@story_on_disk
async def test_who_invites_somebody_deleted_is_told_wherever_they_share_a_chat(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "before")
    await world.advance(60)
    await operator(world, "delete", who="@bob")
    chat = await alice.creates("friends", bob)
    await world.advance(60)
    assert (await alice.sees(chat))[-1] == "-- change-failed by alice of bob 'invite' [no-such-account]"
    assert await alice.sees(bob) == ["me: before", "-- account-gone of bob"]


@story_on_disk
async def test_somebody_who_is_suspended_or_away_is_not_said_to_be_gone(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await bob.go_offline()
    await alice.says(bob, "when you are back")
    await world.advance(60)
    assert lookups(alice, bob) == 1
    await operator(world, "suspend", who="@bob")
    await world.advance(2 * HOUR_S)
    await alice.says(bob, "or later")
    await world.advance(60)
    assert lookups(alice, bob) == 2
    assert await alice.sees(bob) == ["me: when you are back", "me: or later"]


@story_on_disk
async def test_a_question_that_the_connection_did_not_outlive_is_asked_over_the_next(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "before")
    await world.advance(60)
    await operator(world, "delete", who="@bob")
    unheard = alice.way.meddle(rewrite_request("sender_keys", lambda _: None))
    await alice.says(bob, "are you there?")
    await world.advance(20)
    assert lookups(alice, bob) == 1
    await alice.go_offline()
    unheard()
    await alice.go_online()
    await world.advance(60)
    assert (await alice.sees(bob))[-1] == "-- account-gone of bob"


@story_on_disk
async def test_a_relay_that_denies_everybody_changes_nothing(world: World) -> None:
    """What it says is shown as its word; who is there goes on as before."""
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "before")
    await world.advance(60)
    await bob.go_offline()
    alice.way.meddle(rewrite("sender_keys", lambda _: pb.Error(code="no-such-account")))
    await alice.says(bob, "are you there?")
    await world.advance(60)
    assert (await alice.sees(bob))[-1] == "-- account-gone of bob"
    await bob.go_online()
    await bob.says(alice, "of course")
    await world.advance(60)
    assert (await alice.hears(bob))[-2:] == ["me: are you there?", "bob: of course"]
    assert await alice.state_of(bob, "are you there?") == "delivered"
    await bob.go_offline()
    await world.advance(2 * HOUR_S)
    await alice.says(bob, "and now?")
    await world.advance(60)
    assert (await alice.sees(bob))[-2:] == ["me: and now?", "-- account-gone of bob"], "again: he was there since"


def lookups(actor: Actor, *whom: Actor) -> int:
    """How often an actor has asked the relay who somebody is, whose name it knows."""
    wanted = {someone.id.replace("-", "") for someone in whom}
    asked = [p.body.who.account_id.hex() for p in actor.way.passed if p.to_relay and p.name == "sender_keys"]
    return sum(account in wanted for account in asked)
