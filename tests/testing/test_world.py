"""The world itself: it hides no failure, and its people come, go and die as told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tacit.testing.clock import run_in_world
from tacit.testing.story import story
from tacit.testing.world import Failed, World


def test_a_task_that_fails_unseen_fails_the_story(tmp_path: Path) -> None:
    @story
    async def told(world: World) -> None:
        async def trip() -> None:
            raise ValueError("nobody looks")

        asyncio.create_task(trip())  # noqa: RUF006 - that nobody keeps it is the point
        await world.settle()

    with pytest.raises(Failed, match="nobody looks"):
        told(tmp_path=tmp_path)


def test_a_claim_that_fails_fails_the_story_with_its_own_error(tmp_path: Path) -> None:
    @story
    async def told(world: World) -> None:
        await world.people("alice")
        raise KeyError("the claim")

    with pytest.raises(KeyError, match="the claim"):
        told(tmp_path=tmp_path)


def test_a_story_takes_the_arguments_that_the_test_runner_gives(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    @story
    async def told(world: World, first: int, second: int) -> None:
        seen.append((first, second))

    told(tmp_path=tmp_path, first=1, second=2)
    assert seen == [(1, 2)]
    assert told.__name__ == "told"


@story
async def test_waiting_for_a_claim_takes_only_as_long_as_it_needs(world: World) -> None:
    began = world.clock.monotonic_s()

    async def later() -> bool:
        return world.clock.monotonic_s() - began >= 10

    await world.until(later)
    assert 10 <= world.clock.monotonic_s() - began < 12

    async def never() -> bool:
        return False

    with pytest.raises(TimeoutError):
        await world.until(never, within_s=5)


@story
async def test_everybody_has_a_name_whatever_others_call_them(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.client.rename_contact(bob.at, "Robert")
    (known,) = await alice.client.contacts()
    assert known.name == "Robert"
    assert world.name_of(known) == "bob"
    assert world.name_of(None) == "nobody"


@story
async def test_the_dead_come_back_with_what_was_on_their_disk(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "one")
    await world.shortly()
    plan = bob.doom(at=1)
    await alice.says(bob, "two")
    await world.shortly()
    assert plan.is_dead
    assert not bob.way.open
    await bob.rise()
    await world.advance(60)
    assert await bob.hears(alice) == ["alice: one", "alice: two"]


@story
async def test_the_living_are_spared(world: World) -> None:
    (alice,) = await world.people("alice")
    client = alice.client
    plan = alice.doom(at=10_000)
    await alice.rise()
    assert alice.client is client
    assert not plan.is_dead


def test_one_seed_gives_one_run(tmp_path: Path) -> None:
    def frames(folder: Path) -> list[tuple[bool, str]]:
        async def run() -> list[tuple[bool, str]]:
            async with World(folder, seed=7) as world:
                alice, bob = await world.friends("alice", "bob")
                await alice.says(bob, "hi")
                await world.advance(60)
                return [(p.to_relay, p.name) for person in (alice, bob) for p in person.way.passed]

        return run_in_world(run)

    assert frames(tmp_path / "first") == frames(tmp_path / "second")
