"""Who watches gets everything, in order, in bounded memory.

A watcher that falls behind loses no line of history: past the bound, lines are left to the store, and the watcher is
told after which row to read on. Of other events it then keeps the latest of each kind.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from tacit.client.events import (
    ChatChanged,
    ClientEvent,
    ConnectionChanged,
    LineAdded,
    Problem,
    RequestArrived,
    StateMoved,
)

QUEUE_EVENTS: Final = 1_000
"""Events that wait for one watcher in memory."""


@dataclass(frozen=True, slots=True)
class Missed:
    """Lines after this row were left to the store."""

    after_row: int


class Watcher:
    """One reader's queue. Fed and read on the event loop."""

    def __init__(self, capacity: int = QUEUE_EVENTS) -> None:
        self._capacity = capacity
        self._events: deque[ClientEvent] = deque()
        self._latest: dict[Hashable, ClientEvent] = {}
        self._missed_after: int | None = None
        self._ready = asyncio.Event()
        self._closed = False

    def put(self, event: ClientEvent) -> None:
        """Add an event; never waits."""
        if self._missed_after is None and len(self._events) < self._capacity:
            self._events.append(event)
        elif isinstance(event, LineAdded):
            if self._missed_after is None:
                self._missed_after = event.message.row - 1
        else:
            key = _key(event)
            self._latest.pop(key, None)
            self._latest[key] = event
        self._ready.set()

    def close(self) -> None:
        """No more events: the reader ends after those that wait."""
        self._closed = True
        self._ready.set()

    async def get(self) -> ClientEvent | Missed | None:
        """The next event; ``Missed`` when lines must be read from the store; None at the end."""
        while True:
            if self._events:
                return self._events.popleft()
            if self._missed_after is not None:
                missed, self._missed_after = Missed(self._missed_after), None
                return missed
            if self._latest:
                return self._latest.pop(next(iter(self._latest)))
            if self._closed:
                return None
            self._ready.clear()
            await self._ready.wait()


def _key(event: ClientEvent) -> Hashable:
    match event:
        case StateMoved(_, message_id, _):
            return message_id
        case ChatChanged(chat_id):
            return "chat", chat_id
        case RequestArrived(chat_id, _):
            return "request", chat_id
        case Problem(code, _, _):
            return "problem", code
        case ConnectionChanged() | LineAdded():
            return type(event).__name__
