"""Several ways to do the same thing, measured in turns, so that a machine that swings does so for all of them.

A column is a ``Sample``: it does the thing a few times and gives the median seconds of one. ``best_of`` calls all
columns round after round and keeps each one's best median.
"""

from __future__ import annotations

import contextlib
import gc
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

Sample = Callable[[], float]
"""Seconds of one operation, the median of a few."""


@dataclass(frozen=True)
class Operation:
    """What is measured: ``name`` is seal, open, create-commit, process-commit, create-group or join."""

    name: str
    suite: int
    members: int
    payload_bytes: int = 0


def best_of(columns: Mapping[str, Sample], rounds: int) -> dict[str, float]:
    """Seconds of one operation for each column: the best of ``rounds`` medians, taken in turns.

    What earlier contests left behind is kept out of the collector's way, so that nobody's garbage costs others.
    """
    gc.collect()
    gc.freeze()
    taken: dict[str, list[float]] = {name: [] for name in columns}
    for _ in range(rounds):
        for name, sample in columns.items():
            taken[name].append(sample())
    return {name: min(seconds) for name, seconds in taken.items()}


def sample_of(work: Callable[[], object], calls: int) -> Sample:
    """A column that calls ``work``; each call is timed by itself, so what it leaves behind costs nobody."""

    def sample() -> float:
        took = []
        for _ in range(calls):
            began = time.perf_counter()
            work()
            took.append(time.perf_counter() - began)
        return statistics.median(took)

    return sample


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Everything inside, and every process it starts, runs on one core where the system lets us say so."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
