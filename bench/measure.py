"""Rows of a table, and how a median is taken."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MIN_BATCH_S = 0.02
"""A batch this long makes the clock's own cost disappear."""

BATCHES = 9


class CannotMeasure(Exception):
    """A table cannot be made; the text says why."""


@dataclass(frozen=True)
class Row:
    """One figure. ``floor``, ``aim`` and ``peers`` are in the same unit; ``note`` says what else matters."""

    what: str
    value: float
    unit: str
    floor: float | None = None
    note: str = ""
    aim: float | None = None
    """The most that it should cost."""
    peers: Mapping[str, float] = field(default_factory=dict)
    """What others need for the same, by name."""

    @property
    def against_floor(self) -> str:
        """How many times the floor's cost this takes, for costs; the share of the floor's speed, for speeds."""
        if not self.floor or not self.value:
            return ""
        ratio = self.floor / self.value if self.unit.endswith("/s") else self.value / self.floor
        return f"{ratio:.2f} x"


@dataclass(frozen=True)
class Table:
    """One module's figures."""

    title: str
    rows: tuple[Row, ...]
    figures: Mapping[str, Any] = field(default_factory=dict)
    """What programs look for by name; they find it at the top of the JSON object."""
    failed: bool = False
    """Whether something that should have been measured could not be; its row says why."""


def cost_us(work: Callable[[], object]) -> float:
    """Median microseconds of one call, over batches of calls."""
    work()
    began = time.perf_counter()
    work()
    once = max(time.perf_counter() - began, 1e-7)
    calls = max(1, int(MIN_BATCH_S / once))
    batches = []
    for _ in range(BATCHES):
        began = time.perf_counter()
        for _ in range(calls):
            work()
        batches.append((time.perf_counter() - began) / calls)
    return statistics.median(batches) * 1e6


def cost_each_us(works: Iterable[Callable[[], object]]) -> float:
    """Median microseconds of calls that can be made only once each."""
    times = []
    for work in works:
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
