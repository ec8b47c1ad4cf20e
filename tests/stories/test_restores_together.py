"""A profile and its relay put back from one snapshot: nobody can tell, and still nothing is sealed twice.

The ledger of the world sees every ciphertext that leaves, and fails a story in which two share a place in a ratchet.
"""

from __future__ import annotations

import random

import pytest

from tacit.errors import DecodeError
from tacit.mls import PublicMessage, decode_message
from tacit.testing.actor import Actor
from tacit.testing.crashes import copy_profile
from tacit.testing.evil import rewrite, rewrite_request
from tacit.testing.story import story, story_on_disk
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb
from tests.stories.scenes import nothing_is_missing
from tests.stories.test_restores import LATE_S, Lost, agree, bring
from tests.stories.test_rooms import room_of

AND_ON = ["me: there you are", "alice: and on"]


async def talked(world: World, *people: Actor) -> str:
    """A group in which everybody has written, so that nobody has a reason of his own to put fresh keys into it."""
    chat = await people[0].creates("friends", *people[1:])
    await world.shortly()
    for person in people:
        await person.says(chat, "hi")
        await world.advance(30)
    return chat


class Snapshot:
    """One machine: the relay and somebody's profile, as they are now."""

    def __init__(self, world: World, actor: Actor, name: str = "only") -> None:
        self.lost = Lost(world, name)
        self.actor = actor
        self.profile = copy_profile(actor.paths.folder, actor.data_dir / f"backup {name}")

    async def comes_back(self, *, after_s: float = LATE_S) -> None:
        """Both are put back, and nobody else comes for a while."""
        await self.lost.comes_back()
        await self.actor.restore(copy_profile(self.profile, self.actor.data_dir / "put back"))
        await bring(self.lost.world, self.actor)
        await self.lost.world.advance(after_s)


def commits_of(actor: Actor) -> list[bytes]:
    """The commits that leave somebody from now on, each once."""
    sent: list[bytes] = []

    def note(append: pb.Append) -> pb.Append:
        if append.kind == pb.ENTRY_KIND_COMMIT and append.payload not in sent:
            sent.append(append.payload)
        return append

    actor.way.meddle(rewrite_request("append", note))
    return sent


def is_in_the_clear(commit: bytes) -> bool:
    return isinstance(decode_message(commit), PublicMessage)


@pytest.mark.parametrize("times", [1, 2])
@story_on_disk
async def test_what_is_said_after_both_were_put_back_takes_no_key_of_before(world: World, times: int) -> None:
    alice, bob = await world.friends("alice", "bob")
    chat = await talked(world, alice, bob)
    snapshot = Snapshot(world, alice)
    await alice.says(chat, "lost")
    await alice.says(chat, "lost, too")
    await world.advance(60)
    commits = commits_of(alice)
    for n in range(times):
        await snapshot.comes_back()
        await alice.says(chat, f"life {n}")
        await world.advance(60)
        assert await alice.state_of(chat, f"life {n}") == "relayed"
    assert [is_in_the_clear(commit) for commit in commits] == [True] * times
    await bring(world, bob)
    await bob.says(chat, "there you are")
    await alice.says(chat, "and on")
    await world.advance(60)
    last = f"life {times - 1}"
    assert (await bob.hears(chat))[2:] == ["alice: lost", "alice: lost, too", f"alice: {last}", *AND_ON]
    assert await alice.state_of(chat, last) == await alice.state_of(chat, "and on") == "delivered"
    await nothing_is_missing(bob, chat)
    assert (await alice.chat(chat)).epoch == (await bob.chat(chat)).epoch


@story_on_disk
async def test_a_commit_that_both_lives_make_leads_to_keys_that_only_one_uses(world: World) -> None:
    """It was sealed before the snapshot and sent after it; both times it begins the same epoch."""
    alice, bob = await world.friends("alice", "bob")
    chat = await talked(world, alice, bob)
    refuse = {"on": True}

    def busy(said: pb.Appended) -> pb.Appended | pb.Error:
        return pb.Error(code="rate-limited", sentence="Later.", retry_after_s=1) if refuse["on"] else said

    def never(append: pb.Append) -> pb.Append:
        if refuse["on"] and append.kind == pb.ENTRY_KIND_COMMIT:
            append.log_id = bytes(16)
        return append

    alice.way.meddle(rewrite_request("append", never))
    alice.way.meddle(rewrite("error", lambda said: pb.Error(code="rate-limited", sentence="Later.", retry_after_s=1)))
    await alice.client.rename(chat, "old friends")
    await world.shortly()
    assert (await alice.chat(chat)).epoch == (await bob.chat(chat)).epoch
    snapshot = Snapshot(world, alice)
    refuse["on"] = False
    await world.advance(60)
    assert (await bob.chat(chat)).title == "old friends"
    await alice.says(chat, "lost")
    await world.advance(60)
    await snapshot.comes_back()
    await alice.says(chat, "again")
    await world.advance(60)
    await bring(world, bob)
    assert (await bob.hears(chat))[2:] == ["alice: lost", "alice: again"]
    await nothing_is_missing(bob, chat)


@story_on_disk
async def test_an_invitation_that_both_lives_take_leads_to_keys_that_only_one_uses(world: World) -> None:
    alice, dave = await world.friends("alice", "dave")
    snapshot = Snapshot(world, dave)
    chat = await alice.creates("friends", dave)
    await world.shortly()
    await alice.go_offline()
    await dave.says(chat, "only the relay has seen this")
    await world.advance(60)
    await snapshot.comes_back(after_s=0)
    await bring(world, alice)
    await world.advance(LATE_S)
    await dave.says(chat, "again")
    await world.advance(60)
    assert (await alice.hears(chat))[-1] == "dave: again"
    await nothing_is_missing(alice, chat)


@story_on_disk
async def test_who_ran_all_the_time_has_no_need_of_fresh_keys(world: World) -> None:
    """Nor have the others, once somebody who had has put some into the group."""
    alice, bob, carol = people = await world.friends("alice", "bob", "carol")
    chat = await talked(world, *people)
    lost = Lost(world)
    commits = {person.name: commits_of(person) for person in people}
    await bob.stop()
    await carol.stop()
    await lost.comes_back(*people)
    await alice.says(chat, "I was here")
    await world.advance(LATE_S)
    await bob.start()
    await world.advance(60)
    await carol.start()
    await world.advance(60)
    assert not any(commits.values()), "nobody has anything to say"
    await bob.says(chat, "was I?")
    await world.advance(60)
    await carol.says(chat, "was I?")
    await world.advance(60)
    assert {name: len(sent) for name, sent in commits.items()} == {"alice": 0, "bob": 1, "carol": 0}
    assert [is_in_the_clear(commit) for commit in commits["bob"]] == [True]
    assert await alice.state_of(chat, "I was here") == "delivered"
    await agree(people, chat)


@pytest.mark.parametrize("what", ["invite", "rename", "remove", "leave"])
@story_on_disk
async def test_a_change_has_its_turn_behind_fresh_keys(world: World, what: str) -> None:
    """What it says is not for the relay: the commit in the clear comes first, and says nothing."""
    alice, bob, carol, dave = await world.friends("alice", "bob", "carol", "dave")
    chat = await talked(world, alice, bob, carol)
    lost = Lost(world)
    commits = commits_of(alice)
    await alice.stop()
    await lost.comes_back(alice, bob, carol, dave)
    await alice.start()
    await world.advance(LATE_S)
    if what == "rename":
        await alice.client.rename(chat, "a name that is not for the relay")
    elif what == "leave":
        await alice.client.leave(chat)
    else:
        await getattr(alice.client, what)(chat, "@dave" if what == "invite" else "@carol")
    await world.advance(120)
    assert is_in_the_clear(commits[0])
    assert not any(is_in_the_clear(commit) for commit in commits[1:])
    assert len(commits) == (1 if what == "leave" else 2)
    assert not any(b"not for the relay" in commit for commit in commits)
    members = {"invite": "abcd", "rename": "abc", "remove": "ab", "leave": "bc"}[what]
    assert "".join(name[0] for name in await bob.members(chat)) == members
    assert (await bob.chat(chat)).title == ("a name that is not for the relay" if what == "rename" else "friends")


@story_on_disk
async def test_two_who_want_to_write_at_once_agree(world: World) -> None:
    people = await world.friends("alice", "bob", "carol")
    chat = await talked(world, *people)
    lost = Lost(world)
    for person in people:
        await person.stop()
    await lost.comes_back(*people)
    for person in people:
        await person.start()
    for person in people:
        await person.says(chat, f"{person.name} is back")
    await world.advance(LATE_S)
    for person in people:
        assert len(await person.hears(chat)) == 6
        assert await person.state_of(chat, f"{person.name} is back") == "delivered"
    await agree(people, chat)


@story_on_disk
async def test_in_a_room_the_commit_that_mls_leaves_in_the_clear_is_sealed_with_the_link(world: World) -> None:
    room, (alice, bob) = await room_of(world, "alice", "bob")
    snapshot = Snapshot(world, bob)
    await bob.says(room, "lost")
    await world.advance(60)
    commits = commits_of(bob)
    await snapshot.comes_back()
    await bob.says(room, "again")
    await world.advance(60)
    await bring(world, alice)
    assert (await alice.hears(room))[-1] == "bob: again"
    await nothing_is_missing(alice, room)
    assert (await alice.chat(room)).epoch == (await bob.chat(room)).epoch
    (commit,) = commits
    with pytest.raises(DecodeError):
        decode_message(commit)


@story
async def test_a_relay_that_claims_a_new_life_at_every_start_keeps_nobody_from_talking(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    lives = iter(range(1, 100))

    def reborn(said: pb.LoggedIn) -> pb.LoggedIn:
        said.incarnation = bytes([next(lives)]) * 16
        return said

    for person in (alice, bob):
        person.way.meddle(rewrite("logged_in", reborn))
    for n in range(3):
        for person in (alice, bob):
            await person.restart()
        await world.shortly()
        await alice.says(bob, f"a{n}")
        await bob.says(alice, f"b{n}")
        await world.advance(60)
    for person, other in ((alice, bob), (bob, alice)):
        assert sorted(line[-2:] for line in await person.hears(other)) == ["a0", "a1", "a2", "b0", "b1", "b2"]
        await nothing_is_missing(person, other.id)


@pytest.mark.parametrize("seed", range(3))
@story_on_disk
async def test_whatever_is_put_back_together_nothing_is_sealed_twice_and_whoever_is_lost_is_told(
    world: World, seed: int
) -> None:
    """Alice's machine, with the relay on it, goes back to any earlier snapshot; the others come when they like."""
    dice = random.Random(seed)
    people = await world.friends("alice", "bob", "carol")
    alice, *others = people
    chat = await talked(world, *people)
    snapshots = [Snapshot(world, alice, name="0")]
    for life in range(1, 4):
        for n in range(6):
            person = dice.choice(people)
            match dice.choice(["say", "say", "rename", "vanish"]):
                case "say":
                    await person.says(chat, f"{person.name} {life} {n}")
                case "rename":
                    await alice.client.rename(chat, f"{life} {n}")
                case "vanish" if person is not alice:
                    (person.way.close if person.way.open else person.way.reopen)()
            await world.advance(dice.choice([0.0, 1.0, 40.0]))
        snapshots.append(Snapshot(world, alice, name=f"{life}"))
        await alice.says(chat, f"alice {life} at last")
        await world.advance(dice.choice([0.0, 1.0, 40.0]))
        await dice.choice(snapshots[-3:-1] + snapshots[-1:] * 2).comes_back(after_s=0)
        await alice.says(chat, f"alice {life} again")
        await world.advance(dice.choice([0.0, LATE_S]))
        for person in others:
            await bring(world, person)
            await world.advance(dice.choice([0.0, LATE_S]))
    await world.advance(2 * LATE_S)
    epochs = {person.name: (await person.chat(chat)).epoch for person in people}
    lost = {person.name for person in people if await is_told(person, chat)}
    assert len({epoch for name, epoch in epochs.items() if name not in lost}) <= 1, (epochs, lost)
    assert world.ledger.places > 20


async def is_told(person: Actor, chat: str) -> bool:
    """Whether somebody is out of step and has been told so."""
    await person.says(chat, "does anybody hear me?")
    await person.world.advance(60)
    waits = await person.state_of(chat, "does anybody hear me?") == "queued"
    return waits and any(line.startswith("-- behind") for line in await person.sees(chat))
