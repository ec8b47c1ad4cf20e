"""Groups: who may do what, what everybody sees, and that all agree."""

from __future__ import annotations

import pytest

from tacit import limits
from tacit.relay import rates
from tacit.testing.actor import Actor
from tacit.testing.story import story
from tacit.testing.world import World


async def all_see(people: list[Actor], chat: str, members: list[str]) -> None:
    """Everybody has the same members, admins, title and epoch."""
    views = [await person.chat(chat) for person in people]
    assert [await person.members(chat) for person in people] == [sorted(members)] * len(people)
    assert len({view.epoch for view in views}) == 1
    assert len({(view.title, view.admins) for view in views}) == 1


@story
async def test_a_group_is_made_and_all_talk_in_it(world: World) -> None:
    people = await world.friends("alice", "bob", "carol")
    alice, bob, carol = people
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    await all_see(people, chat, ["alice", "bob", "carol"])
    for person in people:
        await person.says(chat, f"I am {person.name}")
        await world.shortly()
    assert await alice.hears(chat) == ["me: I am alice", "bob: I am bob", "carol: I am carol"]
    assert await bob.hears(chat) == ["alice: I am alice", "me: I am bob", "carol: I am carol"]
    assert await carol.hears(chat) == ["alice: I am alice", "bob: I am bob", "me: I am carol"]
    assert (await carol.chat(chat)).title == "friends"


@story
async def test_every_membership_change_is_a_visible_line(world: World) -> None:
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("friends", bob)
    await world.shortly()
    await alice.client.invite(chat, carol.at)
    await world.shortly()
    await alice.client.rename(chat, "best friends")
    await world.shortly()
    await alice.client.remove(chat, carol.at)
    await world.shortly()
    for person in (alice, bob):
        lines = await person.sees(chat)
        assert "-- added by alice of carol" in lines
        assert "-- renamed by alice 'best friends'" in lines
        assert "-- removed by alice of carol" in lines
    assert "-- removed by alice of carol" in await carol.sees(chat)
    assert (await carol.chat(chat)).status == "ended"


@story
async def test_who_was_removed_hears_nothing_more_and_who_was_added_hears_nothing_earlier(world: World) -> None:
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("friends", bob)
    await world.shortly()
    await alice.says(chat, "before carol")
    await world.shortly()
    await alice.client.invite(chat, carol.at)
    await world.shortly()
    await alice.says(chat, "with carol")
    await world.shortly()
    await alice.client.remove(chat, carol.at)
    await world.shortly()
    await alice.says(chat, "after carol")
    await world.shortly()
    assert await carol.hears(chat) == ["alice: with carol"]
    assert await bob.hears(chat) == ["alice: before carol", "alice: with carol", "alice: after carol"]
    assert await carol.refused(carol.client.send(chat, "let me in")) == "chat-ended"
    await all_see([alice, bob], chat, ["alice", "bob"])


@story
async def test_leaving_is_carried_out_by_the_others(world: World) -> None:
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    await carol.client.leave(chat)
    await world.shortly()
    await all_see([alice, bob], chat, ["alice", "bob"])
    assert (await carol.chat(chat)).status == "ended"
    for person in (alice, bob):
        assert any(line.startswith("-- left") and "carol" in line for line in await person.sees(chat))
    await bob.says(chat, "she is gone")
    await world.shortly()
    assert await alice.hears(chat) == ["bob: she is gone"]
    assert await carol.hears(chat) == []


@story
async def test_leaving_works_while_the_one_whose_turn_it_is_sleeps(world: World) -> None:
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    await alice.stop()
    await carol.client.leave(chat)
    await world.advance(180)
    assert await bob.members(chat) == ["alice", "bob"]
    assert (await carol.chat(chat)).status == "ended"
    await alice.start()
    await world.advance(60)
    await all_see([alice, bob], chat, ["alice", "bob"])


@story
async def test_only_admins_add_remove_and_rename(world: World) -> None:
    alice, bob, carol, dave = await world.friends("alice", "bob", "carol", "dave")
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    assert await bob.refused(bob.client.invite(chat, dave.at)) == "not-allowed"
    assert await bob.refused(bob.client.remove(chat, carol.at)) == "not-allowed"
    assert await bob.refused(bob.client.rename(chat, "mine")) == "not-allowed"
    await world.shortly()
    await all_see([alice, bob, carol], chat, ["alice", "bob", "carol"])
    assert (await carol.chat(chat)).title == "friends"
    assert (await carol.chat(chat)).admins == (alice.id,)


@story
async def test_somebody_invited_by_a_stranger_is_asked_first(world: World) -> None:
    alice, mallory = await world.people("alice", "mallory")
    chat = await mallory.creates("great offers", alice)
    await world.shortly()
    await mallory.says(chat, "buy my pills")
    await world.shortly()
    assert await alice.requests() == ["mallory"]
    assert await alice.hears(chat) == []
    await alice.accepts(chat)
    await world.shortly()
    assert await alice.hears(chat) == ["mallory: buy my pills"]


@story
async def test_members_who_do_not_know_each_other_still_talk(world: World) -> None:
    alice, bob, carol = await world.people("alice", "bob", "carol")
    for other in (bob, carol):
        await alice.client.add_contact(other.at)
        await other.client.add_contact(alice.at)
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    await bob.says(chat, "who is carol?")
    await world.shortly()
    assert await carol.hears(chat) == ["bob: who is carol?"]
    people = {person.name: person.status for person in await carol.client.contacts()}
    assert people["@bob"] == "known"


@story
async def test_a_change_typed_offline_is_made_later(world: World) -> None:
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("friends", bob)
    await world.shortly()
    await alice.go_offline()
    await alice.client.invite(chat, carol.at)
    await alice.client.rename(chat, "three friends")
    await alice.says(chat, "welcome carol")
    await world.advance(30)
    await alice.go_online()
    await world.advance(30)
    await all_see([alice, bob, carol], chat, ["alice", "bob", "carol"])
    assert (await carol.chat(chat)).title == "three friends"
    assert await bob.hears(chat) == ["alice: welcome carol"]
    assert await carol.hears(chat) == ["alice: welcome carol"]


@story
async def test_somebody_removed_can_be_invited_again(world: World) -> None:
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    await alice.client.remove(chat, carol.at)
    await world.shortly()
    await alice.client.invite(chat, carol.at)
    await world.shortly()
    await carol.says(chat, "back again")
    await world.shortly()
    await all_see([alice, bob, carol], chat, ["alice", "bob", "carol"])
    assert await bob.hears(chat) == ["carol: back again"]


@story
async def test_the_last_one_to_leave_ends_the_group(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    chat = await alice.creates("friends", bob)
    await world.shortly()
    await bob.client.leave(chat)
    await world.shortly()
    await alice.client.leave(chat)
    await world.shortly()
    assert (await alice.chat(chat)).status == "ended"
    assert (await bob.chat(chat)).status == "ended"


@story
async def test_who_is_in_more_chats_than_one_request_may_name_hears_them_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may write to somebody can begin as many chats; the relay bounds what is asked at once, and how often."""
    monkeypatch.setattr(limits, "MAX_LISTEN_LOGS", 3)
    alice, mallory = await world.friends("alice", "mallory")
    chats = [await mallory.creates(f"chat {n}", alice) for n in range(5)]
    await world.shortly()
    monkeypatch.setitem(rates.RATES, "listen", rates.Rate(0.5, 3.0))
    await world.advance(60)
    await alice.restart()
    for n, chat in enumerate(chats):
        await mallory.says(chat, f"hello {n}")
    await mallory.says(alice, "are you there?")
    await world.advance(60)
    assert [await alice.hears(chat) for chat in chats] == [[f"mallory: hello {n}"] for n in range(5)]
    assert await alice.hears(mallory) == ["mallory: are you there?"]
