"""What was sealed and did not arrive: sent again when that is of use, sealed again when it is not. Hazards G3, G4."""

from __future__ import annotations

import pytest

from tacit.testing.actor import Actor
from tacit.testing.faults import cut_at, lose, named
from tacit.testing.story import story
from tacit.testing.world import World

ALARMS = ("-- gap", "-- fork", "-- undecryptable", "-- invalid", "-- rejected", "-- behind", "-- not-")


async def calm(person: Actor, chat: str) -> None:
    assert [line for line in await person.sees(chat) if line.startswith(ALARMS)] == [], person.name


async def appends(person: Actor, since: int) -> list[bytes]:
    return [p.body.payload for p in person.way.passed[since:] if p.name == "append"]


@story
@pytest.mark.parametrize("epochs", [0, 1, 2, 3, 7])
async def test_what_was_cut_off_arrives_once_and_without_alarm_however_many_epochs_later(
    world: World, epochs: int
) -> None:
    alice, bob, carol = people = await world.friends("alice", "bob", "carol")
    chat = await bob.creates("friends", alice, carol)
    await world.shortly()
    await alice.says(chat, "before")
    await world.shortly()
    # Sealed and sent, but the relay never gets it; and meanwhile the group changes.
    remove = alice.way.meddle(lose(named("append")))
    await alice.says(chat, "the first")
    await alice.says(chat, "the second")
    await world.settle()
    await alice.go_offline()
    remove()
    for n in range(epochs):
        await bob.client.rename(chat, f"friends {n}")
        await world.shortly()
    await alice.says(chat, "the third, typed later")
    since = len(alice.way.passed)
    await alice.go_online()
    await world.advance(30)
    said = ["before", "the first", "the second", "the third, typed later"]
    for person in people:
        who = "me" if person is alice else "alice"
        assert await person.hears(chat) == [f"{who}: {text}" for text in said]
        await calm(person, chat)
    assert await alice.state_of(chat, "the first") == "delivered"
    assert len(set(await appends(alice, since))) == len(await appends(alice, since)), "nothing is sent twice"


@story
async def test_what_did_arrive_is_not_sent_again(world: World) -> None:
    """The answer is lost and the echo comes with the next connection: before anything is sent over it."""
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "before")
    await world.shortly()
    remove = alice.way.meddle(cut_at(named("appended")))
    await alice.says(bob, "the message")
    await world.settle()
    remove()
    since = len(alice.way.passed)
    await world.advance(30)
    assert await appends(alice, since) == []
    assert await bob.hears(alice) == ["alice: before", "alice: the message"]
    assert await alice.state_of(bob, "the message") == "delivered"


@story
async def test_a_receipt_that_was_cut_off_is_given_again_however_many_epochs_later(world: World) -> None:
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    await bob.says(chat, "so that bob's keys are fresh")
    await world.advance(30)
    remove = bob.way.meddle(lose(named("append")))
    await alice.says(chat, "have you got this?")
    await world.shortly()
    await bob.go_offline()
    remove()
    for n in range(4):
        await alice.client.rename(chat, f"friends {n}")
        await world.shortly()
    assert await alice.state_of(chat, "have you got this?") == "relayed"
    await bob.go_online()
    await world.advance(30)
    assert await alice.state_of(chat, "have you got this?") == "delivered"
    for person in (alice, bob, carol):
        await calm(person, chat)


@story
@pytest.mark.parametrize("epochs", [2, 3, 4])
async def test_nothing_is_told_before_what_was_cut_off_earlier(world: World, epochs: int) -> None:
    """Texts that must be sealed again keep their counters: neither a receipt nor a younger text may overtake them."""
    alice, bob, carol = people = await world.friends("alice", "bob", "carol")
    chat = await bob.creates("friends", alice, carol)
    await world.shortly()
    await alice.says(chat, "before")
    await world.shortly()
    remove = alice.way.meddle(lose(named("append")))
    for n in range(3):
        await alice.says(chat, f"cut off {n}")
        await world.settle()
        await bob.client.rename(chat, f"renamed {n}")
        await world.shortly()
    await alice.go_offline()
    remove()
    for n in range(3, epochs):
        await bob.client.rename(chat, f"renamed {n}")
        await world.shortly()
    await carol.says(chat, "where is alice?")
    await alice.go_online()
    await world.advance(30)
    for person in people:
        heard = [line.split(": ")[1] for line in await person.hears(chat)]
        assert sorted(heard) == ["before", "cut off 0", "cut off 1", "cut off 2", "where is alice?"]
        assert [text for text in heard if text.startswith("cut off")] == ["cut off 0", "cut off 1", "cut off 2"]
        await calm(person, chat)
    assert await alice.state_of(chat, "cut off 0") == "delivered"
    assert await carol.state_of(chat, "where is alice?") == "delivered"
