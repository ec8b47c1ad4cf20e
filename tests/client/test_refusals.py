"""What the relay will not take, for a while or for good: nothing waits for ever, and nobody is left in the dark."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tacit.client.core.state import EntryKind
from tacit.client.errors import NotSent
from tacit.testing.actor import Actor
from tacit.testing.evil import rewrite
from tacit.testing.links import Passing, Step
from tacit.testing.story import story
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb
from tacit.wire.frames import encode_response

PASSING = ["rate-limited", "quota", "storage-full", "storage-failed", "internal", "shutting-down"]


def refuse(actor: Actor, kind: EntryKind, code: str, *, times: int = 1, retry_after_s: int = 0) -> list[bytes]:
    """Answer so many appends of a kind with an error, before the relay hears of them; collects their payloads."""
    payloads: list[bytes] = []

    def meddle(passing: Passing) -> Sequence[Step] | None:
        if passing.name != "append" or passing.body.kind != kind:
            return None
        payloads.append(passing.body.payload)
        if len(payloads) > times:
            return None
        error = pb.Error(code=code, retry_after_s=retry_after_s)
        actor.way.inject(encode_response(passing.request_id, error))
        return []

    actor.way.meddle(meddle)
    return payloads


async def in_a_group(world: World) -> tuple[Actor, Actor, str]:
    alice, bob = await world.friends("alice", "bob")
    chat = await alice.creates("team", bob)
    await alice.says(chat, "first")
    await world.advance(30)
    return alice, bob, chat


@story
async def test_a_text_that_is_refused_for_good_has_failed_and_says_why(world: World) -> None:
    alice, bob, chat = await in_a_group(world)
    refuse(alice, EntryKind.MESSAGE, "too-large")
    message = await alice.says(chat, "too much")
    with pytest.raises(NotSent):
        await alice.client.wait_for(message, "relayed", 10)
    assert (await alice.sees(chat))[-1] == "-- not-sent (1) [too-large]"
    await alice.says(chat, "less")
    await world.shortly()
    assert await bob.hears(chat) == ["alice: first", "alice: less"]
    assert (await alice.client.status()).queued == 0


@story
@pytest.mark.parametrize("code", PASSING)
async def test_a_text_that_is_refused_for_now_goes_out_later_byte_for_byte(world: World, code: str) -> None:
    alice, bob, chat = await in_a_group(world)
    payloads = refuse(alice, EntryKind.MESSAGE, code, times=2, retry_after_s=7)
    await alice.says(chat, "patience")
    await world.shortly()
    assert await alice.state_of(chat, "patience") == "sent"
    await world.advance(30)
    assert await alice.state_of(chat, "patience") == "delivered"
    assert await bob.hears(chat) == ["alice: first", "alice: patience"]
    assert payloads[0] == payloads[1] == payloads[2]
    told = [code] if code in ("quota", "storage-full", "storage-failed") else []
    assert alice.problems() == told, "what somebody has to see to is told, once"


@story
async def test_a_change_that_is_refused_for_good_is_given_up_and_the_group_goes_on(world: World) -> None:
    alice, bob, chat = await in_a_group(world)
    refuse(alice, EntryKind.COMMIT, "too-large")
    await alice.client.rename(chat, "another name")
    await alice.says(chat, "after that")
    await world.shortly()
    assert "-- change-failed by alice 'rename' [too-large]" in await alice.sees(chat)
    assert (await bob.chat(chat)).title == "team"
    assert await bob.hears(chat) == ["alice: first", "alice: after that"]


@story
async def test_fresh_keys_that_are_refused_are_not_offered_again_at_once(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    offered = refuse(bob, EntryKind.COMMIT, "too-large", times=1_000)
    await alice.says(bob, "first")
    await world.shortly()
    await bob.says(alice, "who has joined puts fresh keys into the group")
    await world.advance(50)
    assert 1 <= len(offered) <= 3, "when something else happens, and not over and over again"
    await world.advance(60)
    assert 2 <= len(offered) <= 5, "after a while"
    assert await alice.hears(bob) == ["me: first", "bob: who has joined puts fresh keys into the group"]


@story
async def test_a_change_that_loses_every_race_is_given_up_in_the_end(world: World) -> None:
    alice, bob, chat = await in_a_group(world)
    refuse(alice, EntryKind.COMMIT, "commit-conflict", times=1_000)
    await alice.client.rename(chat, "another name")
    await world.advance(60)
    assert "-- change-failed by alice 'rename' [lost-races]" in await alice.sees(chat)
    await alice.says(chat, "never mind")
    await world.shortly()
    assert (await bob.hears(chat))[-1] == "alice: never mind"


@story
async def test_an_invitation_that_cannot_be_delivered_is_told(world: World) -> None:
    alice, _, chat = await in_a_group(world)
    carol = await world.person("carol")
    refuse(alice, EntryKind.WELCOME, "no-such-device")
    await alice.client.invite(chat, carol.at)
    await world.shortly()
    assert alice.problems() == ["invitation-undelivered"]


@story
async def test_texts_to_somebody_whom_the_relay_has_forgotten_fail(world: World) -> None:
    alice, _ = await world.friends("alice", "bob")
    alice.way.meddle(rewrite("recipient_keys", lambda _: pb.Error(code="no-such-account")))
    message = await alice.says("@bob", "hello?")
    with pytest.raises(NotSent):
        await alice.client.wait_for(message, "relayed", 60)
    info = await alice.client.chat("@bob")
    assert info.status == "ended"
    notices = [m.notice.code for m in await alice.client.history("@bob") if m.notice]
    assert notices == ["change-failed", "not-sent"]


@story
async def test_a16_key_packages_of_somebody_else_are_refused_and_nothing_is_said_to_them(world: World) -> None:
    alice, bob, mallory = await world.friends("alice", "bob", "mallory")
    stolen: list[pb.RecipientKeys] = []
    remove = alice.way.meddle(rewrite("recipient_keys", lambda keys: stolen.append(keys) or keys))
    await alice.says(mallory, "hi")
    await world.shortly()
    remove()

    def swap(keys: pb.RecipientKeys) -> pb.RecipientKeys:
        keys.devices[0].key_package.CopyFrom(stolen[0].devices[0].key_package)
        return keys

    alice.way.meddle(rewrite("recipient_keys", swap))
    message = await alice.says(bob, "a secret for bob")
    with pytest.raises(NotSent):
        await alice.client.wait_for(message, "relayed", 60)
    assert "false-answer" in alice.problems()
    assert await mallory.hears(alice) == ["alice: hi"]
    assert await bob.client.requests() == []


@story
async def test_somebody_who_has_no_key_package_is_reached_once_there_is_one(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    remove = alice.way.meddle(rewrite("recipient_keys", lambda _: pb.Error(code="no-key-packages")))
    await alice.says(bob, "when you can")
    await world.advance(100)
    assert await alice.state_of(bob, "when you can") == "queued"
    remove()
    await world.advance(100)
    assert await alice.state_of(bob, "when you can") == "delivered"


@story
async def test_a_log_that_cannot_be_made_is_told_and_nothing_is_lost(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    remove = alice.way.meddle(rewrite("log_created", lambda _: pb.Error(code="quota")))
    await alice.says(bob, "hello")
    await world.advance(10)
    assert set(alice.problems()) == {"quota"}
    assert await alice.state_of(bob, "hello") == "queued"
    remove()
    await world.advance(60)
    assert await bob.hears(alice) == ["alice: hello"]


@story
async def test_an_answer_of_the_wrong_kind_costs_the_connection_and_nothing_else(world: World) -> None:
    alice, bob, chat = await in_a_group(world)
    remove = alice.way.meddle(rewrite("appended", lambda _: pb.Acknowledged()))
    connections = alice.way.connections
    await alice.says(chat, "odd")
    await world.advance(1)
    remove()
    await world.advance(60)
    assert alice.way.connections > connections
    assert await bob.hears(chat) == ["alice: first", "alice: odd"]


@story
async def test_a_client_closed_in_the_middle_of_everything_goes_on_where_it_was(world: World) -> None:
    alice, bob, chat = await in_a_group(world)
    for n in range(5):
        sending = [asyncio.create_task(alice.client.send(chat, f"{n}.{i}")) for i in range(3)]
        await asyncio.sleep(0)
        await alice.restart()
        await asyncio.gather(*sending, return_exceptions=True)
    await world.advance(60)
    said = [line.removeprefix("me: ") for line in await alice.hears(chat)]
    assert [line.removeprefix("alice: ") for line in await bob.hears(chat)] == said
    assert {m.state for m in await alice.messages(chat) if m.mine} == {"delivered"}
