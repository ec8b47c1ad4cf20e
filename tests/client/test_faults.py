"""Faults of the program itself, put into it on purpose: one thing is left out, the rest goes on, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tacit.client import errands, handshake, incoming, invitations, saving, turn
from tacit.client.batch import Batch
from tacit.client.core import inbound
from tacit.client.core.effects import GoneAstray
from tacit.client.errors import BeganAnew, Broken, Mishap
from tacit.client.faults import MOST_FAULTS, Adrift
from tacit.client.model import Chat, ChatId, ChatKind, ChatStatus, GroupId
from tacit.client.runtime import Runtime
from tacit.sdk import present
from tacit.sdk.types import MessageEvent
from tacit.testing.actor import Actor
from tacit.testing.story import story
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb
from tests.stories.scenes import nothing_is_missing

HALF: ChatId = ChatId("group:" + "00" * 16)


class Slip(Exception):
    """What nobody has expected."""


def runtime_of(actor: Actor) -> Runtime:
    return actor.client._runtime


def half_done(batch: Batch) -> None:
    """Changes one thing and fails before the other."""
    batch.put_chat(Chat(HALF, ChatKind.GROUP, ChatStatus.ACTIVE, "half a group", None, 1))
    raise Slip


def unwritable(batch: Batch) -> None:
    """Only fails when it is written down, together with all that came in with it."""
    batch.changes.effects.append((None, GoneAstray()))


def slipping(function: Callable[..., Any], when: Callable[..., bool]) -> Callable[..., Any]:
    """The same function, which fails at times."""

    def slip(*args: Any, **kwargs: Any) -> Any:
        if when(*args):
            raise Slip
        return function(*args, **kwargs)

    return slip


async def all_is_well(alice: Actor, bob: Actor) -> None:
    """They talk, and nothing is missing anywhere."""
    await alice.says(bob, "still there?")
    await alice.world.advance(60)
    await bob.says(alice, "here I am")
    await alice.world.advance(60)
    for one, other in ((alice, bob), (bob, alice)):
        assert (await one.hears(other))[-2:] == [
            f"{'me' if one is alice else 'alice'}: still there?",
            f"{'me' if one is bob else 'bob'}: here I am",
        ]
        await nothing_is_missing(one, other.id)


@pytest.mark.parametrize("fault", [half_done, unwritable])
@story
async def test_who_asked_for_what_fails_is_told_and_nobody_else_is_disturbed(
    world: World, fault: Callable[[Batch], None]
) -> None:
    alice, bob = await world.friends("alice", "bob")
    told = await asyncio.gather(
        alice.client.send("@bob", "before"),
        runtime_of(alice).do(fault),
        alice.client.send("@bob", "after"),
        return_exceptions=True,
    )
    assert [type(what).__name__ for what in told] == ["MessageInfo", "Mishap", "MessageInfo"]
    assert alice.problems() == [], "whoever asked has been told"
    await world.settle()
    assert alice.disconnected_by() == BeganAnew.code
    await world.advance(60)
    assert (await bob.hears(alice))[-2:] == ["alice: before", "alice: after"]
    assert HALF not in {chat.id for chat in await alice.client.chats()}
    await all_is_well(alice, bob)
    await alice.restart()
    assert HALF not in {chat.id for chat in await alice.client.chats()}


@story
async def test_what_nobody_waits_for_is_left_out_and_told(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    runtime_of(alice).later(half_done)
    await world.advance(30)
    assert set(alice.problems()) == {Mishap.code}
    await all_is_well(alice, bob)


@pytest.mark.parametrize("place", ["take_own_join", "_take_log_entry", "refuse_entry"])
@story
async def test_an_entry_that_cannot_be_taken_in_becomes_a_line(world: World, place: str) -> None:
    alice, bob = await world.friends("alice", "bob")
    books = runtime_of(alice)._store.books
    await alice.go_offline()
    for text in ("one", "two", "three"):
        await bob.says(alice, text)
        await world.shortly()
    last = await runtime_of(bob).read(lambda known: known.store.last_message(ChatId(f"direct:{alice.id}")))
    assert last is not None
    poisoned = last.seq - 1

    def is_poisoned(batch: Batch, *args: Any) -> bool:
        return batch.books is books and poisoned in [getattr(a, "seq", a) for a in args]

    with pytest.MonkeyPatch.context() as patch:
        if place == "refuse_entry":  # where the core has failed already
            once = iter([True])
            patch.setattr(
                incoming, "process_entry", slipping(inbound.process_entry, lambda _, e, *__: e.seq == poisoned)
            )
            patch.setattr(incoming, place, slipping(inbound.refuse_entry, lambda *_: next(once, False)))
        else:
            patch.setattr(incoming, place, slipping(getattr(incoming, place), is_poisoned))
        alice.way.reopen()
        await world.advance(120)
        assert (await alice.sees(bob))[-4:] == [
            "bob: one",
            "-- undecryptable [not-processed]",
            "-- gap by bob (1) [counter]",
            "bob: three",
        ]
        await bob.says(alice, "four")
        await world.advance(10)
        assert (await alice.hears(bob))[-1] == "bob: four"


@story
async def test_an_invitation_that_cannot_be_taken_in_is_told_and_the_next_one_arrives(world: World) -> None:
    alice, bob, carol = await world.people("alice", "bob", "carol")
    with pytest.MonkeyPatch.context() as patch:
        once = iter([True])
        patch.setattr(incoming, "take_welcome", slipping(invitations.take_welcome, lambda *_: next(once, False)))
        await bob.says(alice, "hello")
        await world.advance(60)
        assert "inbox-not-processed" in alice.problems()
        await carol.says(alice, "hello")
        await world.advance(60)
    assert await alice.requests() == ["carol"]


@pytest.mark.parametrize("place", ["advance", "take_listening"])
@story
async def test_a_chat_that_cannot_get_on_waits_for_the_next_start(world: World, place: str) -> None:
    alice, bob, carol = await world.people("alice", "bob", "carol")
    for other in (bob, carol):
        await other.says(alice, "hello")
        await world.shortly()
        await alice.accepts(other)
    await world.advance(60)
    books = runtime_of(alice)._store.books
    stuck = ChatId(f"direct:{bob.id}")

    def is_stuck(batch: Batch, what: Any) -> bool:
        state = batch.state(GroupId(what.log_id)) if isinstance(what, pb.LogState) else None
        return batch.books is books and stuck == (state.conversation.chat_id if state else what)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turn, place, slipping(getattr(turn, place), is_stuck))
        alice.way.cut()
        await world.advance(30)
        await alice.says(bob, "for bob")
        await world.advance(60)
        await alice.says(carol, "for carol")
        await world.advance(60)
        assert (await carol.hears(alice))[-1] == "alice: for carol"
    assert await alice.state_of(bob, "for bob") != "failed"
    await alice.restart()
    await world.advance(60)
    assert (await bob.hears(alice))[-1] == "alice: for bob"
    await nothing_is_missing(bob, alice.id)


@pytest.mark.parametrize("where", [(errands, "append_of"), (turn, "_look_ahead"), (errands.Errands, "note_used")])
@story
async def test_what_is_on_disk_is_shown_and_goes_out_over_the_next_connection(
    world: World, where: tuple[Any, str]
) -> None:
    alice, bob = await world.friends("alice", "bob")
    with pytest.MonkeyPatch.context() as patch:
        once = iter([True])
        patch.setattr(*where, slipping(getattr(*where), lambda *_: next(once, False)))
        await alice.says(bob, "once")
        await world.advance(60)
        assert next(once, None) is None
    assert (await alice.hears(bob))[-1] == "me: once"
    assert [event.message.text for event in alice.events if isinstance(event, MessageEvent)][-1] == "once"
    assert (await bob.hears(alice)).count("alice: once") == 1
    await all_is_well(alice, bob)


@story
async def test_where_memory_does_not_follow_the_disk_the_client_ends(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await all_is_well(alice, bob)
    loop = runtime_of(alice)._loop
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tacit.client.saving._follow", slipping(saving._follow, lambda *_: True))
        with pytest.raises(Broken):
            await alice.client.send("@bob", "written down")
        await world.settle()
    assert alice.problems() == [Broken.code]
    with pytest.raises(Broken):
        await alice.client.send("@bob", "not any more")
    assert loop is not None
    assert isinstance(loop.exception(), Adrift)
    await alice.restart()
    await world.advance(60)
    assert (await bob.hears(alice))[-1] == "alice: written down"
    await all_is_well(alice, bob)


@story
async def test_who_only_goes_round_in_circles_ends(world: World) -> None:
    alice, _ = await world.friends("alice", "bob")
    for _ in range(MOST_FAULTS):
        with pytest.raises(Mishap):
            await runtime_of(alice).do(half_done)
    with pytest.raises(Broken):
        await runtime_of(alice).do(half_done)


@story
async def test_errands_and_links_that_fail_are_taken_up_again(world: World, caplog: pytest.LogCaptureFixture) -> None:
    alice, bob = await world.friends("alice", "bob")

    async def errand() -> None:
        raise Slip("with words that quote something")

    runtime_of(alice).errands.spawn(errand())
    await world.advance(10)
    with pytest.MonkeyPatch.context() as patch:
        once = iter([True])
        patch.setattr(
            "tacit.client.uplink.open_connection", slipping(handshake.open_connection, lambda *_: next(once, False))
        )
        alice.way.cut()
        await world.advance(60)
    told = [record.getMessage() for record in caplog.records if record.name.startswith("tacit.client")]
    assert len([line for line in told if line.startswith("fault error='Slip'")]) == 2
    assert "quote" not in "".join(told)
    await all_is_well(alice, bob)


@story
async def test_a_line_that_cannot_be_shown_is_told_and_those_behind_it_are_shown(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    with pytest.MonkeyPatch.context() as patch:
        once = iter([True])
        patch.setattr(present, "event", slipping(present.event, lambda *_: next(once, False)))
        await bob.says(alice, "one")
        await world.advance(30)
        await bob.says(alice, "two")
        await world.advance(30)
    assert {*alice.problems(), *bob.problems()} == {Mishap.code}
    for person in (alice, bob):
        assert [event.message.text for event in person.events if isinstance(event, MessageEvent)][-1] == "two"
        assert [line.split(": ")[1] for line in await person.hears(bob if person is alice else alice)] == ["one", "two"]
