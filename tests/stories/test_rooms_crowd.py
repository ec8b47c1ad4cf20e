"""A crowd at the door of one room, all at the same second, with a real client each."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tacit.testing.actor import Actor
from tacit.testing.clock import run_in_world
from tacit.testing.world import World
from tests.stories.scenes import nothing_is_missing

A_MINUTE_S = 60.0
ENOUGH_IDLE = 0.5
"""With so much of a processor idle nobody has kept the test waiting."""

_UPTIME = Path("/proc/uptime")

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


@dataclass(frozen=True, slots=True)
class Took:
    """What something took by the clock on the wall, of a processor, and how much was idle meanwhile."""

    wall_s: float
    processor_s: float
    idle_s: float

    def __str__(self) -> str:
        return f"{self.wall_s:.1f} s ({self.processor_s:.1f} s of a processor)"

    @property
    def of_our_own_s(self) -> float:
        """By the clock, where the machine had a processor to spare; else what it would have been with one for us alone.

        A world works on one processor, whatever else the machine does.
        """
        return self.wall_s if self.idle_s >= ENOUGH_IDLE * self.wall_s else self.processor_s


def idle_s() -> float:
    """For how long the machine's processors have been idle altogether; where it does not tell, they always are."""
    return float(_UPTIME.read_text().split()[1]) if _UPTIME.exists() else time.monotonic()


async def timed(doing: Awaitable[object]) -> Took:
    """What something takes."""
    wall, processor, idle = time.perf_counter(), time.process_time(), idle_s()
    await doing
    return Took(time.perf_counter() - wall, time.process_time() - processor, idle_s() - idle)


async def play(world: World, size: int) -> tuple[Took, Took]:
    """All come in at once, then everybody says a word that everybody reads; what each took."""
    people = await crowd(world, size)
    maker, *others = people
    room = (await maker.client.create_room("lobby", nick=maker.name)).id
    link = await maker.client.room_link(room)

    async def come_in() -> None:
        await asyncio.gather(*(o.client.join_room(link, nick=o.name) for o in others))
        await world.until(all_in)

    async def all_in() -> bool:
        return all([len((await p.chat(room)).nicks) == size for p in people])

    coming = await timed(come_in())
    words = {person.name: f"a word from {person.name}" for person in people}

    async def talk() -> None:
        await asyncio.gather(*(p.says(room, words[p.name]) for p in people))
        await world.until(all_heard)

    async def all_heard() -> bool:
        return all([len(await p.hears(room)) == size for p in people])

    talking = await timed(talk())
    views = [await person.chat(room) for person in people]
    assert len({(view.epoch, tuple(sorted(view.nicks.items()))) for view in views}) == 1
    for person in people:
        heard = {line.split(": ", 1)[1] for line in await person.hears(room)}
        assert heard == set(words.values())
        await nothing_is_missing(person, room)
    return coming, talking


def played(folder: Path, size: int) -> tuple[Took, Took]:
    async def run() -> tuple[Took, Took]:
        async with World(folder) as world:
            return await play(world, size)

    return run_in_world(run)


def test_a_dozen_come_in_at_the_same_second(tmp_path: Path) -> None:
    played(tmp_path, 12)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_hundred_come_in_at_the_same_second_and_all_are_in_within_a_minute(tmp_path: Path) -> None:
    coming, talking = played(tmp_path, 100)
    sys.stdout.write(f"\n100 were in, and all knew of all, within {coming}; all had read all {talking} later.\n")
    assert coming.of_our_own_s < A_MINUTE_S
