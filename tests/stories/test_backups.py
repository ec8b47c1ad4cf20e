"""A store that is older than what it sent: it must not seal again what it has sealed. Hazard F3."""

from __future__ import annotations

from tacit.testing.story import story
from tacit.testing.world import World


@story
async def test_a_restored_store_seals_nothing_twice_and_heals_with_the_next_epoch(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "one")
    await world.shortly()
    await bob.says(alice, "two")
    await world.advance(60)
    backup = alice.back_up()
    for n in range(3):
        await alice.says(bob, f"lost {n}")
        await world.shortly()
    await alice.restore(backup)
    await world.advance(60)
    await alice.says(bob, "after the restore")
    await world.advance(60)
    world.ledger.check()
    # Bob's next message after a day brings a fresh epoch, and with it Alice may speak again.
    await world.leap(25 * 3600)
    await bob.says(alice, "a day later")
    await world.advance(120)
    world.ledger.check()
    assert await bob.hears(alice) == [
        "alice: one",
        "me: two",
        *(f"alice: lost {n}" for n in range(3)),
        *sorted(["alice: after the restore", "me: a day later"], reverse=(await bob.hears(alice))[-1][:2] != "me"),
    ]
    assert "bob: a day later" in await alice.hears(bob)
    assert await alice.state_of(bob, "after the restore") == "delivered"


@story
async def test_a_restored_store_that_missed_a_commit_says_so_and_comes_back_by_a_new_invitation(world: World) -> None:
    """The relay has dropped the commit, because this device had acknowledged it before it was set back."""
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("friends", bob)
    await world.shortly()
    await bob.says(chat, "one")
    await world.advance(60)
    backup = bob.back_up()
    await bob.says(chat, "two")
    await world.shortly()
    await alice.client.invite(chat, carol.at)
    await world.shortly()
    await bob.restore(backup)
    await world.advance(60)
    assert "-- behind [missed-commit]" in await bob.sees(chat)
    await bob.says(chat, "three")
    await world.advance(60)
    world.ledger.check()
    assert await alice.hears(chat) == ["bob: one", "bob: two"], "nothing is sealed with keys that were used before"
    await alice.client.remove(chat, bob.at)
    await world.advance(60)
    await alice.client.invite(chat, bob.at)
    await world.advance(60)
    await bob.says(chat, "four")
    await world.advance(60)
    world.ledger.check()
    assert (await carol.hears(chat))[-1] == "bob: four"
    assert await bob.members(chat) == ["alice", "bob", "carol"]


@story
async def test_a_copy_of_a_profile_running_elsewhere_stops_one_of_the_two(world: World) -> None:
    """Two processes, one device: the second login ends the first, and both are told. Hazard F5."""
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "one")
    await world.shortly()
    clone = await world.clone(alice, "alice-elsewhere")
    await clone.start()
    await world.advance(120)
    states = {(await person.client.status()).connection for person in (alice, clone)}
    assert "online" in states
    assert states != {"online"}, "not both"
    world.ledger.check()
