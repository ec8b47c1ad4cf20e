"""Two people talk: the first message, a request, a week offline, receipts, restarts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tacit import limits
from tacit.client.batch import Batch
from tacit.client.books import Books
from tacit.client.core.welcome import direct_chat_id
from tacit.client.model import ConversationStatus
from tacit.identity import parse_id
from tacit.limits import DAY_S, HOUR_S
from tacit.testing.story import story, story_on_disk
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb


@story
async def test_the_first_message_reaches_a_friend_who_is_there(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "hello bob")
    await world.shortly()
    assert await bob.hears(alice) == ["alice: hello bob"]
    assert await alice.hears(bob) == ["me: hello bob"]
    await bob.says(alice, "hello alice")
    await world.shortly()
    assert await alice.hears(bob) == ["me: hello bob", "bob: hello alice"]
    assert await bob.hears(alice) == ["alice: hello bob", "me: hello alice"]


@story
async def test_a_stranger_is_not_heard_before_a_yes(world: World) -> None:
    alice, mallory = await world.people("alice", "mallory")
    await mallory.says(alice, "buy my pills")
    await mallory.says(alice, "please")
    await world.shortly()
    assert await alice.requests() == ["mallory"]
    assert await alice.hears(mallory) == []
    assert await mallory.state_of(alice, "please") == "relayed", "no receipt tells a stranger that somebody is there"
    await alice.accepts(mallory)
    await world.shortly()
    assert await alice.requests() == []
    assert await alice.hears(mallory) == ["mallory: buy my pills", "mallory: please"]
    assert await mallory.state_of(alice, "please") == "delivered"


@story
async def test_a_request_that_is_refused_shows_nothing_and_ends(world: World) -> None:
    alice, mallory = await world.people("alice", "mallory")
    await mallory.says(alice, "buy my pills")
    await world.shortly()
    await alice.client.refuse(mallory.at, block=True)
    await world.shortly()
    assert await alice.requests() == []
    assert await alice.hears(mallory) == []
    await mallory.says(alice, "are you there?")
    await world.advance(120)
    assert await alice.requests() == []
    assert await alice.hears(mallory) == []


@story
async def test_strangers_have_so_many_requests_waiting_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them alone, and all together; an answer makes room."""
    monkeypatch.setattr(limits, "MAX_REQUESTS_OF_ACCOUNT", 2)
    monkeypatch.setattr(limits, "MAX_STRANGERS_REQUESTS", 3)
    alice, mallory, eve, dave = await world.people("alice", "mallory", "eve", "dave")
    await mallory.says(alice, "buy my pills")
    for n in range(4):
        await mallory.creates(f"pills {n}", alice)
    await world.shortly()
    assert await alice.requests() == ["mallory"] * 2
    await eve.says(alice, "hello")
    await world.shortly()
    await dave.says(alice, "hello")
    await world.shortly()
    assert await alice.requests() == ["eve", "mallory", "mallory"]
    await alice.client.block(mallory.at)
    await dave.creates("dave and alice", alice)
    await world.shortly()
    assert await alice.requests() == ["dave", "eve"]


@story
async def test_a_stranger_cannot_fill_a_screen_with_what_is_none(world: World) -> None:
    """Anybody may put anything into an inbox; that it could not be read is told once in a while."""
    alice, mallory = await world.people("alice", "mallory")
    inbox = pb.Device(account_id=parse_id(alice.id), device_id=await alice.client._runtime.read(own_device))
    kinds = (pb.ENTRY_KIND_WELCOME, pb.ENTRY_KIND_MESSAGE)
    for hour in range(2):
        for n in range(6):
            rubbish = pb.Append(inbox=inbox, kind=kinds[n % 2], payload=b"rubbish", message_id=bytes([hour, n] * 8))
            await mallory.client._runtime.uplink.require().request(rubbish, pb.Appended)
            await world.shortly()
        assert sorted(alice.problems()) == sorted(["inbox-unknown", "welcome-invalid"] * (hour + 1))
        await world.advance(HOUR_S)


def own_device(books: Books) -> bytes:
    return books.me.device_id


@story
async def test_a_direct_chat_is_begun_anew_so_often_and_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that was changed forgets each and begins another; who has said yes once is not asked again."""
    monkeypatch.setattr(limits, "MAX_DIRECT_GROUPS", 3)
    alice, mallory = await world.friends("alice", "mallory")

    def forget(batch: Batch) -> None:
        for state in batch.states_of(direct_chat_id(parse_id(alice.id))):
            gone = replace(state.conversation, status=ConversationStatus.REMOVED)
            batch.put_state(replace(state, conversation=gone))

    for n in range(5):
        await mallory.says(alice, f"hello {n}")
        await world.shortly()
        await mallory.client._runtime.do(forget)
    assert await alice.hears(mallory) == [f"mallory: hello {n}" for n in range(3)]
    groups = await alice.client._runtime.read(lambda books: books.groups_of[direct_chat_id(parse_id(mallory.id))])
    assert len(groups) == 3


@story
async def test_nothing_can_be_said_to_a_stranger_before_the_answer(world: World) -> None:
    alice, mallory = await world.people("alice", "mallory")
    await mallory.says(alice, "hi")
    await world.shortly()
    assert await alice.refused(alice.client.send(mallory.at, "who are you?")) == "request-open"


@story
async def test_a_week_offline_loses_and_repeats_nothing(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "before")
    await world.shortly()
    await bob.stop()
    for day in range(7):
        await alice.says(bob, f"day {day}")
        await world.shortly()
        await world.leap(DAY_S)
    await bob.start()
    await world.advance(90)
    assert await bob.hears(alice) == ["alice: before", *(f"alice: day {day}" for day in range(7))]
    assert [line for line in await bob.sees(alice) if line.startswith("-- gap")] == []
    assert await alice.state_of(bob, "day 6") == "delivered"


@story
async def test_what_is_typed_offline_goes_out_once_and_in_order(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "first")
    await world.shortly()
    await alice.go_offline()
    for n in range(5):
        await alice.says(bob, f"typed {n}")
    await world.advance(600)
    assert await alice.state_of(bob, "typed 0") in {"queued", "sent"}
    await alice.restart()
    await alice.go_online()
    assert await bob.hears(alice) == ["alice: first", *(f"alice: typed {n}" for n in range(5))]


@story
async def test_somebody_who_writes_does_not_wait_for_the_next_try(world: World) -> None:
    """Pauses between tries grow; a line that is typed is a reason to try at once."""
    alice, bob = await world.friends("alice", "bob")
    await alice.go_offline()
    await world.advance(600)
    alice.way.reopen()
    before = world.clock.monotonic_s()
    await alice.says(bob, "are you there?")
    await world.settle()
    assert world.clock.monotonic_s() == before
    assert await bob.hears(alice) == ["alice: are you there?"]


@story
async def test_both_offline_at_different_times_still_talk(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await bob.stop()
    await alice.says(bob, "are you there?")
    await world.shortly()
    await alice.stop()
    await world.leap(2 * DAY_S)
    await bob.start()
    await world.shortly()
    assert await bob.hears(alice) == ["alice: are you there?"]
    await bob.says(alice, "now I am")
    await world.shortly()
    await bob.stop()
    await world.leap(2 * DAY_S)
    await alice.start()
    await world.advance(60)
    assert await alice.hears(bob) == ["me: are you there?", "bob: now I am"]
    assert await alice.state_of(bob, "are you there?") == "delivered"


@story
async def test_an_own_message_shows_how_far_it_has_come(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await bob.go_offline()
    await alice.says(bob, "hi")
    await world.shortly()
    assert await alice.state_of(bob, "hi") == "relayed"
    await bob.go_online()
    assert await alice.state_of(bob, "hi") == "delivered"
    await bob.reads(alice)
    await world.shortly()
    assert await alice.state_of(bob, "hi") == "read"


@story
async def test_receipts_can_be_turned_off(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await bob.client.set_receipts(False)
    await alice.says(bob, "hi")
    await world.shortly()
    await bob.reads(alice)
    await world.advance(60)
    assert await bob.hears(alice) == ["alice: hi"]
    assert await alice.state_of(bob, "hi") == "relayed"


@story
async def test_receipts_are_few(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "hi")
    await world.shortly()
    before = len([p for p in bob.way.passed if p.name == "append"])
    for n in range(50):
        await alice.says(bob, f"message {n}")
    await world.shortly()
    receipts = len([p for p in bob.way.passed if p.name == "append"]) - before
    assert await alice.state_of(bob, "message 49") == "delivered"
    assert 1 <= receipts <= 3


@story
async def test_history_and_contacts_survive_a_restart(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "remember this")
    await world.shortly()
    for actor in (alice, bob):
        await actor.restart()
    await world.shortly()
    assert await bob.hears(alice) == ["alice: remember this"]
    await bob.says(alice, "I do")
    await world.shortly()
    assert await alice.hears(bob) == ["me: remember this", "bob: I do"]


@story
async def test_texts_arrive_as_they_were_typed(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    odd = ["\x1b[31mred\x07", "line\nline", "zero\u200bwidth \u202e reversed", "👩‍👩‍👧", " ", "x" * 32_768, "\x00"]
    for text in odd:
        await alice.says(bob, text)
    await world.shortly()
    assert await bob.hears(alice) == [f"alice: {text}" for text in odd]


@story
async def test_a_text_too_long_is_refused_and_nothing_is_left_of_it(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    assert await alice.refused(alice.client.send(bob.at, "x" * 32_769)) == "text-too-long"
    assert await alice.refused(alice.client.send(bob.at, "")) == "empty-text"
    assert await alice.hears(bob) == []


@story
async def test_nobody_by_that_name(world: World) -> None:
    (alice,) = await world.people("alice")
    assert await alice.refused(alice.client.send("@nobody", "hi")) in {"not-found", "no-such-account"}
    await alice.go_offline()
    await world.shortly()
    assert await alice.refused(alice.client.send("@bob", "hi")) == "connection-refused"


@story_on_disk
async def test_the_relay_restarts_in_the_middle_of_a_talk(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "before")
    await world.shortly()
    await world.relay.stop()
    await alice.says(bob, "while it is away")
    await world.advance(30)
    await world.relay.start()
    await world.advance(120)
    assert await bob.hears(alice) == ["alice: before", "alice: while it is away"]
