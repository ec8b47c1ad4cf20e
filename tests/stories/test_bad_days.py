"""The network at its worst: cut at every frame, answers lost, frames repeated, reordered and late. Hazards A6, G4."""

from __future__ import annotations

from pathlib import Path

import pytest

from tacit.testing import faults
from tacit.testing.clock import run_in_world
from tacit.testing.links import Cut, Meddler, Passing, Step
from tacit.testing.story import story
from tacit.testing.world import World
from tests.stories.scenes import PARTS, SCENES, Scene, in_parts

pytestmark = pytest.mark.no_cover

MOST_FRAMES = 400


class CutOnce:
    """Cuts the way at the ``at``-th frame, once."""

    def __init__(self, at: int) -> None:
        self._choose = faults.numbered(at)
        self.has_cut = False

    def __call__(self, passing: Passing) -> list[Step] | None:
        if not self._choose(passing):
            return None
        self.has_cut = True
        return [Cut()]


async def play(world: World, scene: Scene, meddler: Meddler) -> None:
    await world.friends(*scene.cast)
    chat = await scene.prepare(world)
    remove = world.actors[scene.doomed].way.meddle(meddler)
    await scene.act(world, chat)
    await world.advance(180)
    remove()
    await scene.check(world, chat)


@pytest.mark.timeout(600)
@in_parts
@pytest.mark.parametrize("name", SCENES)
def test_a_cut_at_every_frame_of(name: str, part: int, tmp_path: Path) -> None:
    frames = 0
    for at in range(part + 1, MOST_FRAMES, PARTS):
        cut = CutOnce(at)

        async def run(folder: Path, cut: CutOnce) -> None:
            async with World(folder) as world:
                await play(world, SCENES[name], cut)

        run_in_world(lambda folder=tmp_path / str(at), cut=cut: run(folder, cut))
        if not cut.has_cut:
            break
        frames += 1
    else:
        pytest.fail("the scene never ends")
    assert frames or part, "a scene without frames proves nothing"


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("times", [2, 5])
def test_every_entry_repeated_in(name: str, times: int, tmp_path: Path) -> None:
    told(tmp_path, SCENES[name], faults.repeat(faults.named("entry"), times))


@pytest.mark.parametrize("name", SCENES)
def test_every_entry_late_in(name: str, tmp_path: Path) -> None:
    told(tmp_path, SCENES[name], faults.delay(faults.named("entry"), 2.0))


@pytest.mark.parametrize("name", SCENES)
def test_every_answer_late_in(name: str, tmp_path: Path) -> None:
    told(tmp_path, SCENES[name], faults.overtake(faults.named("appended"), 7.0))


def told(folder: Path, scene: Scene, meddler: Meddler) -> None:
    async def run() -> None:
        async with World(folder) as world:
            await play(world, scene, meddler)

    run_in_world(run)


@story
async def test_entries_in_reverse_are_shown_in_their_order(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "before")
    await world.advance(60)
    bob.way.meddle(faults.reverse(faults.named("entry"), 3))
    for n in range(3):
        await alice.says(bob, f"message {n}")
    await world.advance(60)
    assert await bob.hears(alice) == ["alice: before", *(f"alice: message {n}" for n in range(3))]


@story
async def test_an_answer_that_is_lost_every_time_still_yields_one_message(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "before")
    await world.shortly()
    remove = alice.way.meddle(faults.cut_at(faults.named("appended")))
    await alice.says(bob, "the message")
    await world.advance(120)
    remove()
    await world.advance(120)
    assert await bob.hears(alice) == ["alice: before", "alice: the message"]
    assert await alice.state_of(bob, "the message") == "delivered"


@story
async def test_a_message_that_did_not_get_through_is_sent_again_byte_for_byte(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    await alice.says(bob, "before")
    await world.shortly()
    cut = CutOnce(1)
    alice.way.meddle(lambda passing: cut(passing) if passing.name == "append" else None)
    await alice.says(bob, "the message")
    await world.advance(120)
    assert world.ledger.repeats == 1
    assert await bob.hears(alice) == ["alice: before", "alice: the message"]
    assert await alice.state_of(bob, "the message") == "delivered"
