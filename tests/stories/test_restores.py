"""A relay that is put back from a backup: those who were there bring back what it lacks, and go on. Hazard A25."""

from __future__ import annotations

import pytest

from tacit.relay.backups import back_up, restore
from tacit.testing.story import story_on_disk
from tacit.testing.world import World
from tests.stories.scenes import nothing_is_missing


def quietly(what: str, done: float) -> None:
    """Nobody looks on."""


@pytest.mark.parametrize("older", range(3))
@story_on_disk
async def test_after_any_older_backup_nothing_is_missing_and_an_account_made_since_comes_back(
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
    await alice.says(bob, "and on")
    await bob.says(alice, "and on")
    await world.advance(60)
    said = [line for n in range(3) for line in (f"alice: to bob {n}", f"me: to alice {n}")]
    said += ["alice: lost to the backup", "alice: and on", "me: and on"]
    assert sorted(await bob.hears(alice)) == sorted(said)
    assert sorted(await alice.hears(bob)) == sorted(mirrored(line) for line in said)
    assert await alice.state_of(bob, "and on") == "delivered"
    for person, other in ((alice, bob), (bob, alice)):
        await nothing_is_missing(person, other.id)
        assert person.problems() == ["relay-restored"]
    # The KeyPackages of the backup are gone, and everybody has made new ones.
    await alice.client.add_contact(carol.at)
    await carol.client.add_contact(alice.at)
    await carol.says(alice, "is this thing on?")
    await world.advance(60)
    assert await alice.hears(carol) == ["carol: is this thing on?"]


def mirrored(line: str) -> str:
    """A line of Bob's as Alice sees it."""
    who, text = line.split(": ", 1)
    return f"{'bob' if who == 'me' else 'me'}: {text}"
