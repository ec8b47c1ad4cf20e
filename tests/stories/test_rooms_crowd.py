"""A crowd at the door of one room, all at the same second, with a real client each."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable
from pathlib import Path

import pytest

from tacit.testing.actor import Actor
from tacit.testing.clock import run_in_world
from tacit.testing.world import World
from tests.stories.scenes import nothing_is_missing

A_MINUTE_S = 60.0

pytestmark = pytest.mark.no_cover


async def crowd(world: World, size: int) -> list[Actor]:
    """People with profiles of their own, online."""
    people = [Actor(world, f"p{number:03}") for number in range(size)]
    for person in people:
        world.actors[person.name] = person
        await person.create()
        await person.start()
    await world.shortly()
    return people


async def timed(doing: Awaitable[object]) -> float:
    """How many seconds of a processor something takes: a world works on one, whatever else the machine does."""
    begun = time.process_time()
    await doing
    return time.process_time() - begun


async def play(world: World, size: int) -> tuple[float, float, float]:
    """All come in at once, then everybody says a word that everybody reads; the seconds that each took."""
    people = await crowd(world, size)
    maker, *others = people
    room = (await maker.client.create_room("lobby", nick=maker.name)).id
    link = await maker.client.room_link(room)
    coming_s = await timed(asyncio.gather(*(o.client.join_room(link, nick=o.name) for o in others)))

    async def all_in() -> bool:
        return all([len((await p.chat(room)).nicks) == size for p in people])

    settling_s = await timed(world.until(all_in))
    words = {person.name: f"a word from {person.name}" for person in people}

    async def talk() -> None:
        await asyncio.gather(*(p.says(room, words[p.name]) for p in people))
        await world.until(all_heard)

    async def all_heard() -> bool:
        return all([len(await p.hears(room)) == size for p in people])

    talking_s = await timed(talk())
    views = [await person.chat(room) for person in people]
    assert len({(view.epoch, tuple(sorted(view.nicks.items()))) for view in views}) == 1
    for person in people:
        heard = {line.split(": ", 1)[1] for line in await person.hears(room)}
        assert heard == set(words.values())
        await nothing_is_missing(person, room)
    return coming_s, settling_s, talking_s


def played(folder: Path, size: int) -> tuple[float, float, float]:
    async def run() -> tuple[float, float, float]:
        async with World(folder) as world:
            return await play(world, size)

    return run_in_world(run)


def test_a_dozen_come_in_at_the_same_second(tmp_path: Path) -> None:
    played(tmp_path, 12)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_hundred_come_in_at_the_same_second_and_all_are_in_within_a_minute(tmp_path: Path) -> None:
    coming_s, settling_s, talking_s = played(tmp_path, 100)
    sys.stdout.write(
        f"\n100 came in within {coming_s:.1f} s of a processor, all knew of all after {coming_s + settling_s:.1f} s,"
        f" and everybody had read everybody {talking_s:.1f} s later.\n"
    )
    assert coming_s + settling_s < A_MINUTE_S
