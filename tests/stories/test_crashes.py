"""Death at every moment: between any two effects, before and after every frame. Hazards G1 to G4.

Each scene is played again and again, its victim dying one moment later each time, until it survives: so every moment
that exists is covered, every other one where there is little time, and none is forgotten when the code gets new ones.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tacit.errors import TacitError
from tacit.testing.clock import run_in_world
from tacit.testing.crashes import Crashed, CrashPlan
from tacit.testing.world import World
from tests.stories.scenes import PARTS, SCENES, Scene, in_parts

pytestmark = pytest.mark.no_cover

MOST_MOMENTS = 400


async def play(world: World, scene: Scene, at: int) -> CrashPlan:
    """Play a scene in which the doomed one dies at one moment and comes back."""
    await world.friends(*scene.cast)
    chat = await scene.prepare(world)
    doomed = world.actors[scene.doomed]
    plan = doomed.doom(at)
    promised = await attempt(scene, world, chat)
    await world.advance(90)
    await doomed.rise()
    await world.advance(90)
    if scene.again is not None and not promised:
        await scene.again(world, chat)
        await world.advance(90)
    await scene.check(world, chat)
    return plan


async def attempt(scene: Scene, world: World, chat: str) -> bool:
    """Act; False when the client died before it had promised anything."""
    try:
        await scene.act(world, chat)
    except (TacitError, Crashed):
        return False
    return True


def played(folder: Path, scene: Scene, at: int) -> CrashPlan:
    async def run() -> CrashPlan:
        async with World(folder) as world:
            return await play(world, scene, at)

    return run_in_world(run)


@pytest.mark.timeout(600)
@in_parts
@pytest.mark.parametrize("name", SCENES)
def test_dying_at_every_moment_of(name: str, part: int, tmp_path: Path) -> None:
    died: list[str] = []
    for at in range(part + 1, MOST_MOMENTS, PARTS):
        plan = played(tmp_path / str(at), SCENES[name], at)
        if not plan.is_dead:
            break
        died.append(plan.moments[at - 1])
    else:
        pytest.fail("the scene never ends")
    assert died or part, "a scene without moments proves nothing"
