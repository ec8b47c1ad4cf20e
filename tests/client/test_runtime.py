"""The running client: order of things, batches, faults of its own machine, and what it does by itself."""

from __future__ import annotations

import asyncio

import pytest

from tacit.client.batch import Batch
from tacit.client.invites import RETRY_CLAIM_S
from tacit.client.outgoing import PATIENCE_S
from tacit.client.runtime import Runtime
from tacit.client.store import StoreFull
from tacit.limits import DAY_S, ONE_TIME_KEY_PACKAGES
from tacit.testing.actor import Actor
from tacit.testing.evil import rewrite
from tacit.testing.story import story
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb


def runtime_of(actor: Actor) -> Runtime:
    return actor.client._runtime


async def limit_pages(actor: Actor, more: int | None) -> None:
    """Let the store grow by so many pages only, as a disk that is almost full would; None: as much as it likes."""

    def set_limit(batch: Batch) -> None:
        database = batch.books.store._db
        row = database.one("PRAGMA page_count")
        assert row is not None
        database.all(f"PRAGMA max_page_count = {row[0] + more if more is not None else 2**30}")

    await runtime_of(actor).do(set_limit)


async def fill(actor: Actor) -> None:
    """Write until the disk is full."""
    for n in range(50):
        await actor.client.send("@bob", f"{n} " + "x" * 8000)


@story
async def test_what_is_said_is_persisted_then_sent_then_shown(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "first")
    await world.advance(60)
    plan = alice.doom()
    await alice.says(bob, "second")
    await world.settle()
    persist, send, show = (
        ["before-transaction", "before-commit", "after-commit"],
        ["before-send", "after-send"],
        ["before-show"],
    )
    said = [name for name in plan.moments if name in {*persist, *send, *show}]
    while said[:1] == show:  # the turn that only looked the chat up
        said.pop(0)
    assert said[: len(persist + send + show)] == persist + send + show


@story
async def test_texts_of_one_moment_share_one_transaction(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "first")
    await world.advance(60)
    plan = alice.doom()
    await asyncio.gather(*(alice.client.send("@bob", str(n)) for n in range(50)))
    sealed = plan.moments[: plan.moments.index("before-send")]
    assert sealed.count("after-commit") == 1
    await world.shortly()
    assert await bob.hears(alice) == ["alice: first", *(f"alice: {n}" for n in range(50))]


@story
async def test_a_full_disk_is_told_and_loses_nothing(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "first")
    await bob.says(alice, "hello")
    await world.advance(60)
    await limit_pages(alice, 4)
    with pytest.raises(StoreFull):
        await fill(alice)
    kept = await alice.hears(bob)
    await bob.says(alice, "are you there?" + "y" * 30_000)
    await world.advance(30)
    assert "disk-full" in alice.problems()
    assert await alice.hears(bob) == kept
    await limit_pages(alice, None)
    await world.advance(120)
    assert await alice.hears(bob) == [*kept, "bob: are you there?" + "y" * 30_000]
    await alice.says(bob, "again")
    await world.shortly()
    heard = await bob.hears(alice)
    assert heard[-1] == "alice: again"
    assert len(heard) == len(set(heard)) == len(await alice.hears(bob))


@story
async def test_an_operation_that_is_refused_does_not_disturb_its_neighbours(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    results = await asyncio.gather(
        alice.client.send("@bob", "one"),
        alice.client.send("@bob", ""),
        alice.client.create_group(""),
        alice.client.send("@bob", "two"),
        return_exceptions=True,
    )
    assert [getattr(r, "code", "") for r in results] == ["", "empty-text", "bad-title", ""]
    await world.shortly()
    assert await bob.hears(alice) == ["alice: one", "alice: two"]


@story
async def test_used_up_key_packages_are_made_up_for_while_online(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    for n in range(ONE_TIME_KEY_PACKAGES + 2):
        await alice.creates(f"group {n}", bob)
        await world.shortly()
    assert len(await bob.client.chats()) == ONE_TIME_KEY_PACKAGES + 2
    assert (await bob.client.status()).key_packages > ONE_TIME_KEY_PACKAGES // 2
    kept = await runtime_of(bob).read(lambda books: len(books.store.bundles()))
    assert kept <= ONE_TIME_KEY_PACKAGES + 1, "used private halves are gone"


@story
async def test_a_client_that_stays_online_for_weeks_renews_what_expires(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    for _ in range(4):
        await world.leap(10 * DAY_S)
        await world.advance(120)
    await alice.says(bob, "still here?")
    await world.advance(60)
    assert await bob.hears(alice) == ["alice: still here?"]
    assert bob.problems() == []


@story
async def test_removed_and_invited_again_while_away(world: World) -> None:
    alice, bob, _ = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("team", bob, world.actors["carol"])
    await alice.says(chat, "one")
    await world.shortly()
    await bob.go_offline()
    await alice.client.remove(chat, bob.at)
    await alice.says(chat, "not for bob")
    await alice.client.invite(chat, bob.at)
    await world.shortly()
    await alice.says(chat, "welcome back")
    await world.shortly()
    await bob.go_online()
    await world.advance(30)
    assert await bob.hears(chat) == ["alice: one", "alice: welcome back"]
    await bob.says(chat, "thank you")
    await world.shortly()
    assert (await alice.hears(chat))[-1] == "bob: thank you"
    assert [line for line in await bob.sees(chat) if "gap" in line or "undecryptable" in line] == []


@story
async def test_people_without_key_packages_keep_nobody_else_waiting(world: World) -> None:
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    carols = bytes.fromhex(carol.id.replace("-", ""))

    def withhold(keys: pb.RecipientKeys) -> pb.RecipientKeys:
        if keys.account_id == carols:
            for device in keys.devices:
                device.ClearField("key_package")
        return keys

    remove = alice.way.meddle(rewrite("recipient_keys", withhold))
    chat = await alice.creates("team", bob, carol)
    await alice.says(chat, "hello")
    await world.advance(20)
    assert await alice.members(chat) == ["alice", "bob"]
    assert await bob.hears(chat) == ["alice: hello"]
    remove()
    await world.advance(2 * RETRY_CLAIM_S)
    assert await alice.members(chat) == ["alice", "bob", "carol"]


@story
async def test_the_next_one_commits_a_wish_to_leave_when_the_first_is_away(world: World) -> None:
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("team", bob, carol)
    await world.shortly()
    await alice.go_offline()
    await carol.client.leave(chat)
    await world.shortly()
    assert (await carol.chat(chat)).status == "leaving"
    await world.advance(PATIENCE_S + 5)
    assert (await carol.chat(chat)).status == "ended"
    assert await bob.members(chat) == ["alice", "bob"]


@story
async def test_nothing_is_said_in_a_group_before_a_wish_to_leave_is_granted(world: World) -> None:
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    chat = await alice.creates("team", bob, carol)
    await world.shortly()
    await alice.go_offline()
    await carol.client.leave(chat)
    await world.shortly()
    await bob.says(chat, "after carol")
    await world.shortly()
    assert (await carol.chat(chat)).status == "ended"
    assert await carol.hears(chat) == []
    await alice.go_online()
    assert await alice.hears(chat) == ["bob: after carol"]


@story
async def test_two_who_begin_at_once_end_up_in_one_chat(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await asyncio.gather(alice.client.send("@bob", "hi bob"), bob.client.send("@alice", "hi alice"))
    await world.shortly()
    for n in range(3):
        await alice.says(bob, f"a{n}")
        await bob.says(alice, f"b{n}")
        await world.shortly()
    groups = []
    for one, other in ((alice, bob), (bob, alice)):
        heard = await one.hears(other)
        assert len(heard) == 8
        assert (await one.sees(other)).count("-- merged-direct") <= 1
        ids = {m.id: m for m in await one.messages(other)}
        groups.append(
            await runtime_of(one).read(
                lambda books, ids=ids: {
                    m.group_id
                    for i in ids
                    for m in books.store.find_messages(bytes.fromhex(i))
                    if m.text in ("a2", "b2")
                }
            )
        )
    assert groups[0] == groups[1]
    assert len(groups[0]) == 1


@story
async def test_what_is_typed_offline_survives_a_restart_and_goes_out_once(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.go_offline()
    for n in range(3):
        await alice.says(bob, f"{n}")
    assert (await alice.client.status()).queued >= 3
    await alice.restart()
    assert [m.state for m in await alice.messages(bob)] == ["queued"] * 3
    await alice.go_online()
    await world.shortly()
    assert await bob.hears(alice) == ["alice: 0", "alice: 1", "alice: 2"]
    assert (await alice.client.status()).queued == 0


@story
async def test_a_relay_that_accepts_and_never_answers_is_left_and_tried_again(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "first")
    await world.shortly()
    deaf = {"on": True}
    alice.way.meddle(lambda passing: [] if deaf["on"] and passing.name in ("appended", "entry") else None)
    await alice.says(bob, "second")
    connections = alice.way.connections
    await world.advance(120)
    assert alice.way.connections > connections
    deaf["on"] = False
    await world.advance(300)
    assert await alice.state_of(bob, "second") == "delivered"
    assert await bob.hears(alice) == ["alice: first", "alice: second"]


@story
async def test_the_last_resort_serves_many_and_is_replaced_after_use(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")

    async def last_resorts() -> list[tuple[bytes, int]]:
        rows = await runtime_of(bob).read(lambda books: [r for r in books.store.bundles() if r.last_resort])
        return [(row.ref, row.expires_at) for row in rows]

    ((first, _),) = await last_resorts()
    await bob.go_offline()
    for n in range(ONE_TIME_KEY_PACKAGES + 3):
        await alice.creates(f"group {n}", bob)
        await world.advance(20)
    await bob.go_online()
    await world.advance(60)
    assert len(await bob.client.chats()) == ONE_TIME_KEY_PACKAGES + 3
    assert bob.problems() == []
    kept = await last_resorts()
    assert first in {ref for ref, _ in kept}, "what is on its way can still be opened"
    assert len(kept) == 2
    await world.leap(2 * DAY_S)
    await world.advance(120)
    await bob.restart()
    await world.advance(60)
    assert first not in {ref for ref, _ in await last_resorts()}
