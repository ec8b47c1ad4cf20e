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
from typing import Any, Concatenate, ParamSpec

from tacit.testing.clock import run_in_world
from tacit.testing.world import World

P = ParamSpec("P")


def story(
    told: Callable[Concatenate[World, P], Coroutine[Any, Any, None]],
) -> Callable[..., None]:
    """Make a test function of a coroutine whose first argument is the world."""

    @functools.wraps(told)
    def test(tmp_path: Path, *args: P.args, **kwargs: P.kwargs) -> None:
        async def run() -> None:
            async with World(tmp_path) as world:
                await told(world, *args, **kwargs)

        run_in_world(run)

    _, *others = inspect.signature(told).parameters.values()
    folder = inspect.Parameter("tmp_path", inspect.Parameter.KEYWORD_ONLY, annotation=Path)
    signature = inspect.Signature([*others, folder], return_annotation=None)
    del test.__wrapped__  # a test runner would look there for the arguments
    test.__signature__ = signature  # type: ignore[attr-defined]  # what inspect.signature reads
    return test
