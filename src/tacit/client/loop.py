"""The running client as what works beside its loop sees it: changes go through the loop, questions to the books."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from tacit.client.batch import Batch
from tacit.client.books import Books
from tacit.client.events import ClientEvent
from tacit.client.timers import Timers
from tacit.client.turn import Operation
from tacit.client.uplink import Uplink
from tacit.clock import Clock

T = TypeVar("T")


class Loop(Protocol):
    """What errands need of the runtime."""

    clock: Clock
    timers: Timers
    uplink: Uplink

    async def do(self, operation: Callable[[Batch], T]) -> T:
        """Change something and wait until it is on disk."""
        ...

    async def read(self, query: Callable[[Books], T]) -> T:
        """Look something up in the books."""
        ...

    def later(self, operation: Operation) -> None:
        """Have something changed."""
        ...

    def show(self, *events: ClientEvent) -> None:
        """Tell every watcher."""
        ...
