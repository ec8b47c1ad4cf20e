"""Two at once: the same chat begun from both sides, two commits for one epoch."""

from __future__ import annotations

from tacit.testing.faults import delay, named
from tacit.testing.story import story
from tacit.testing.world import World
from tests.stories.test_groups import all_see


@story
async def test_two_who_begin_at_once_end_up_in_one_conversation(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    for person in (alice, bob):
        await person.go_offline()
    await alice.says(bob, "hi bob")
    await bob.says(alice, "hi alice")
    for person in (alice, bob):
        person.way.reopen()
    await world.advance(120)
    for n in range(3):
        await alice.says(bob, f"a{n}")
        await bob.says(alice, f"b{n}")
        await world.shortly()
    assert sorted(await alice.hears(bob)) == sorted(
        ["me: hi bob", "bob: hi alice", *(f"me: a{n}" for n in range(3)), *(f"bob: b{n}" for n in range(3))]
    )
    assert sorted(await bob.hears(alice)) == sorted(
        ["alice: hi bob", "me: hi alice", *(f"alice: a{n}" for n in range(3)), *(f"me: b{n}" for n in range(3))]
    )
    logs = {p.body.log_id for person in (alice, bob) for p in person.way.passed[-40:] if p.name == "append"}
    assert len({log for log in logs if log}) == 1, "after both know both groups, one is written to"
    assert (await alice.chat(bob)).epoch == (await bob.chat(alice)).epoch


@story
async def test_of_two_commits_one_wins_and_the_other_is_made_again(world: World) -> None:
    people = await world.friends("alice", "bob", "carol", "dave", "erin")
    alice, bob, carol, dave, erin = people
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    # Only alice may add; bob's own commit, for fresh keys, is made at the same moment as hers.
    await world.leap(2 * 86400)
    for person in (alice, bob):
        person.way.meddle(delay(named("append", nth=1), 1.0))
    await alice.client.invite(chat, dave.at)
    await bob.says(chat, "I commit too")
    await alice.client.invite(chat, erin.at)
    await world.advance(60)
    await all_see(people, chat, ["alice", "bob", "carol", "dave", "erin"])
    conflicts = [p for person in people for p in person.way.passed if p.name == "error"]
    assert any(p.body.code == "commit-conflict" for p in conflicts), "this story needs a lost race"
    for person in (alice, carol):
        assert await person.hears(chat) == ["bob: I commit too"]


@story
async def test_many_invitations_at_once_all_come_true(world: World) -> None:
    people = await world.friends("alice", "bob", "carol", "dave")
    alice, *others = people
    chat = await alice.creates("friends")
    for other in others:
        await alice.client.invite(chat, other.at)
    await alice.says(chat, "all here?")
    await world.advance(30)
    await all_see(people, chat, [p.name for p in people])
    for other in others:
        await other.says(chat, f"{other.name} is")
    await world.shortly()
    assert sorted(await alice.hears(chat)) == sorted(["me: all here?", *(f"{o.name}: {o.name} is" for o in others)])
