"""A relay that is put back from a backup: people are told, go on talking, and nothing is sealed twice. Hazard A25."""

from __future__ import annotations

import pytest

from tacit.relay.backups import back_up, restore
from tacit.testing.story import story_on_disk
from tacit.testing.world import World


def quietly(what: str, done: float) -> None:
    """Nobody looks on."""


@pytest.mark.parametrize("older", range(3))
@story_on_disk
async def test_after_any_older_backup_those_who_are_there_go_on_and_an_account_made_since_comes_back(
    world: World, older: int
) -> None:
    alice, bob = await world.friends("alice", "bob")
    data = world.folder / "relay"
    now_s = int(world.clock.now_s())
    for n in range(3):
        await alice.says(bob, f"to bob {n}")
        await bob.says(alice, f"to alice {n}")
        await world.shortly()
        if n == older:
            back_up(data, world.folder / "backup", now_s=now_s, progress=quietly)
    await alice.says(bob, "lost to the backup")
    await world.shortly()
    (carol,) = await world.friends("carol")
    await world.relay.stop()
    restore(world.folder / "backup", data, force=True, now_s=now_s, progress=quietly)
    await world.relay.start()
    await world.advance(120)
    for person, other in ((alice, bob), (bob, alice)):
        lines = await person.sees(other)
        assert len([line for line in lines if "relay-went-back" in line]) == 1
    await alice.says(bob, "and on")
    await bob.says(alice, "and on")
    await world.advance(60)
    assert "alice: and on" in await bob.hears(alice)
    assert "bob: and on" in await alice.hears(bob)
    for n in range(3):
        assert (await bob.hears(alice)).count(f"alice: to bob {n}") == 1
    # The KeyPackages of the backup are gone, and everybody has made new ones.
    await alice.client.add_contact(carol.at)
    await carol.client.add_contact(alice.at)
    await carol.says(alice, "is this thing on?")
    await world.advance(60)
    assert await alice.hears(carol) == ["carol: is this thing on?"]
