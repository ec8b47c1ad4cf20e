"""What programs ask of the running client: operations in their order, and who waits for what comes of each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from tacit.client.turn import Operation
from tacit.errors import TacitError

Waiting: TypeAlias = tuple[Operation, asyncio.Future[Any] | None]
"""An operation, and who waits for it; nobody does where there is no future."""


class Wishes:
    """Operations that have had no turn yet. Lives on the event loop."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def ask(self, operation: Operation) -> asyncio.Future[Any]:
        """Have something done and wait for it."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((operation, future))
        return future

    def add(self, operation: Operation) -> None:
        """Have something done that nobody waits for."""
        self._waiting.append((operation, None))

    def take(self, most: int | None) -> list[Waiting]:
        """The oldest ones; None: all."""
        taken, self._waiting = self._waiting[:most], [] if most is None else self._waiting[most:]
        return taken

    def put_back(self, taken: Sequence[Waiting]) -> None:
        """They come first at the next turn."""
        self._waiting[:0] = taken

    def fail(self, error: TacitError) -> None:
        """Tell everybody that nothing comes of it."""
        settle_all(self.take(None), error)


def settle(waiting: Waiting, result: Any) -> None:
    """Tell whoever waits what came of an operation."""
    _, future = waiting
    if future is None or future.done():
        return
    if isinstance(result, TacitError):
        future.set_exception(result)
    else:
        future.set_result(result)


def settle_all(waiting: Iterable[Waiting], error: TacitError) -> None:
    """Tell all of them the same."""
    for one in waiting:
        settle(one, error)
