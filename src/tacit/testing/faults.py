"""Meddlers for a bad day: cut, lose, delay, repeat and reorder frames at chosen places.

Each is made by a function and handed to ``Way.meddle``. A frame is chosen by its name and by how many of that name came
before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from tacit.testing.links import Cut, Deliver, Later, Meddler, Passing, Step, Wait

Choice: TypeAlias = Callable[[Passing], bool]
"""Says which frames are meant."""


def named(name: str, *, nth: int | None = None) -> Choice:
    """Every frame of a name, or only the ``nth`` one from now on, counted from 1."""
    seen = 0

    def choose(passing: Passing) -> bool:
        nonlocal seen
        if passing.name != name:
            return False
        seen += 1
        return nth is None or seen == nth

    return choose


def numbered(n: int) -> Choice:
    """The ``n``-th frame from now on in either direction, counted from 1."""
    seen = 0

    def choose(_: Passing) -> bool:
        nonlocal seen
        seen += 1
        return seen == n

    return choose


def cut_at(choice: Choice) -> Meddler:
    """End the connection when a chosen frame sets out; it does not arrive.

    Cutting at an answer is a request that the relay has carried out and the client believes lost.
    """
    return _doing(choice, lambda _: [Cut()])


def lose(choice: Choice) -> Meddler:
    """Let chosen frames vanish."""
    return _doing(choice, lambda _: [])


def delay(choice: Choice, delay_s: float) -> Meddler:
    """Hold a chosen frame, and everything behind it."""
    return _doing(choice, lambda passing: [Wait(delay_s), Deliver(passing.frame)])


def overtake(choice: Choice, delay_s: float) -> Meddler:
    """Hold a chosen frame, and let everything behind it pass."""
    return _doing(choice, lambda passing: [Later(passing.frame, delay_s)])


def repeat(choice: Choice, times: int) -> Meddler:
    """Deliver chosen frames several times."""
    return _doing(choice, lambda passing: [Deliver(passing.frame)] * times)


def reverse(choice: Choice, count: int) -> Meddler:
    """Collect ``count`` chosen frames and deliver them last one first; any other frame flushes what is held."""
    held: list[bytes] = []

    def meddle(passing: Passing) -> Sequence[Step] | None:
        if passing.to_relay:
            return None
        if choice(passing):
            held.append(passing.frame)
            if len(held) < count:
                return []
            return _released(held)
        return [*_released(held), Deliver(passing.frame)]

    return meddle


def _released(held: list[bytes]) -> list[Step]:
    steps: list[Step] = [Deliver(frame) for frame in reversed(held)]
    held.clear()
    return steps


def _doing(choice: Choice, act: Callable[[Passing], Sequence[Step]]) -> Meddler:
    return lambda passing: act(passing) if choice(passing) else None
