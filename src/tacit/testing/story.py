"""``@story``: a coroutine about a world becomes a plain test function.

    @story
    async def test_the_first_message(world: World) -> None:
        alice, bob = await world.friends("alice", "bob")
        await alice.says(bob, "hi")

The test runner gives the folder, as ``tmp_path``, and any other argument that the coroutine has. A story fails when its
claims do, when anybody sealed anything twice, and when a task failed that nobody looked at.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeAlias

from tacit.testing.clock import run_in_world
from tacit.testing.world import World

P = ParamSpec("P")


Told: TypeAlias = Callable[Concatenate[World, P], Coroutine[Any, Any, None]]


def story(told: Told[P]) -> Callable[..., None]:
    """Make a test function of a coroutine whose first argument is the world; its relay keeps everything in memory."""
    return _made(told, lambda folder: World(folder))


def story_on_disk(told: Told[P]) -> Callable[..., None]:
    """As ``story``, with a relay that has its data on disk and so survives a restart."""
    return _made(told, lambda folder: World(folder, ephemeral_relay=False))


def _made(told: Told[P], make: Callable[[Path], World]) -> Callable[..., None]:
    @functools.wraps(told)
    def test(tmp_path: Path, *args: P.args, **kwargs: P.kwargs) -> None:
        async def run() -> None:
            async with make(tmp_path) as world:
                await told(world, *args, **kwargs)

        run_in_world(run)

    _, *others = inspect.signature(told).parameters.values()
    folder = inspect.Parameter("tmp_path", inspect.Parameter.KEYWORD_ONLY, annotation=Path)
    signature = inspect.Signature([*others, folder], return_annotation=None)
    del test.__wrapped__  # a test runner would look there for the arguments
    test.__signature__ = signature  # type: ignore[attr-defined]  # what inspect.signature reads
    test.is_story = True  # type: ignore[attr-defined]  # for those who tell all of them in another way
    return test
