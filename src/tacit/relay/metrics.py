"""What a relay counts about itself: plain numbers, cheap to bump, read when somebody asks.

Whoever serves bumps; nobody waits, locks or allocates for it. ``snapshot`` is the one way out, for Prometheus and for
the operator's commands alike, and everything in it is blurred (see ``blur``). Nothing here is about one account,
device, log or address.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tacit.clock import SystemClock
from tacit.relay.blur import Crowd, deeds, size

LATENCY_BOUNDS_S: Final = (
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
)  # fmt: skip
BATCH_BOUNDS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)

QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Histogram:
    """How often values fell between fixed bounds."""

    __slots__ = ("_shown", "bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        """For each bound, the values up to it and above the one before; last, those above all."""
        self.total = 0.0
        self._shown = Shown((0,) * (len(bounds) + 1), 0.0)

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def show(self) -> Shown:
        """What was counted, blurred; the sum moves only when a count does, else it would tell of each value."""
        cumulative = 0
        upto = []
        for count in self.counts:
            cumulative += count
            upto.append(deeds(cumulative))
        if tuple(upto) != self._shown.upto:
            share = upto[-1] / cumulative if cumulative else 0.0
            self._shown = Shown(tuple(upto), max(self._shown.total, self.total * share))
        return self._shown

    def quantile(self, share: float) -> float | None:
        """An upper estimate of the value that this share of all values does not exceed, from what is shown.

        None while there is too little, and the last bound for whatever lies above it.
        """
        shown = self.show()
        if not shown.upto[-1]:
            return None
        wanted = share * shown.upto[-1]
        place = next(place for place, count in enumerate(shown.upto) if count >= wanted)
        if place == len(self.bounds):
            return self.bounds[-1]
        below = shown.upto[place - 1] if place else 0
        floor = self.bounds[place - 1] if place else 0.0
        within = (wanted - below) / (shown.upto[place] - below)
        return floor + (self.bounds[place] - floor) * within


@dataclass(frozen=True, slots=True)
class Shown:
    """A histogram as it leaves the relay."""

    upto: tuple[int, ...]
    """For each bound, the values that do not exceed it; last, all of them."""
    total: float


@dataclass(slots=True)
class Sources:
    """How to read what is not counted here, at any moment and without waiting; by the names of figures."""

    deeds: dict[str, Callable[[], int]] = field(default_factory=dict)
    crowds: dict[str, Callable[[], int]] = field(default_factory=dict)
    crowds_by: dict[str, Callable[[], dict[str, int]]] = field(default_factory=dict)
    """The same with one for each value of a label."""
    sizes: dict[str, Callable[[], int]] = field(default_factory=dict)
    states: dict[str, Callable[[], bool]] = field(default_factory=dict)


@dataclass(slots=True)
class Measured:
    """What ``measuring`` found last in the store, on its disk and in the kernel's books; by the names of figures."""

    at_s: float = float("-inf")
    crowds: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    exact: dict[str, int] = field(default_factory=dict)


def _latency() -> Histogram:
    return Histogram(LATENCY_BOUNDS_S)


@dataclass(slots=True)
class Metrics:
    """The counters of one relay, from its start; used from the event loop, but for what names the writer's thread."""

    connections_opened: int = 0
    """Taken up, whatever came of them."""
    logins: int = 0
    registrations: int = 0
    """New accounts and new devices."""
    codes_sent: int = 0
    """Codes that phones were to get."""
    codes_shown: int = 0
    """Codes that came back from those who got them."""
    codes_not_delivered: int = 0
    rendezvous_opened: int = 0
    rendezvous_met: int = 0
    appends: int = 0
    """Entries that were stored and acknowledged; a repeat is none."""
    refusals: Counter[str] = field(default_factory=Counter)
    """Requests that were not granted, by code."""
    cut_off: Counter[str] = field(default_factory=Counter)
    """Connections that the relay ended, by reason."""
    transactions: Histogram = field(default_factory=_latency)
    """Seconds from the start of a transaction until it is on the disk; counted by the writer's thread."""
    batches: Histogram = field(default_factory=lambda: Histogram(BATCH_BOUNDS))
    """Changes that shared a transaction; counted by the writer's thread."""
    handed_over: Histogram = field(default_factory=_latency)
    """Seconds from the arrival of a change until its answer and its entry were handed to connections, disk included.

    Of each transaction only the change that waited longest is counted.
    """
    failed_transactions: int = 0
    last_failure: str = ""
    """Code of the last transaction's failure; empty when it succeeded."""
    sweeps: int = 0
    failed_sweeps: int = 0
    damaged: int = 0
    """Spoilt entries and KeyPackages that were found."""
    started_at: int = field(default_factory=lambda: int(SystemClock().now_s()))
    """Unix seconds."""
    sources: Sources = field(default_factory=Sources)
    measured: Measured = field(default_factory=Measured)
    monotonic_s: Callable[[], float] = SystemClock().monotonic_s
    """The machine's own time whatever the relay goes by: it is asked by threads, and decides nothing."""
    _shown: dict[str, Crowd] = field(default_factory=dict)

    def committed(self, began_s: float, changes: int) -> None:
        """Note a transaction that is on the disk; called by the writer's thread."""
        self.last_failure = ""
        self.transactions.observe(self.monotonic_s() - began_s)
        self.batches.observe(changes)

    def failed(self, code: str) -> None:
        """Note a transaction that the disk did not take; called by the writer's thread."""
        self.failed_transactions += 1
        self.last_failure = code

    def handed(self, since_s: float) -> None:
        """Note that a transaction's answers and entries are in the connections' hands."""
        self.handed_over.observe(self.monotonic_s() - since_s)

    def snapshot(self) -> dict[str, Any]:
        """Every figure as it may leave the relay: by name a number, numbers by code, or a summary of a histogram.

        ``figures`` says what each is. What nobody has measured is left out; ``measuring.measure`` does that before.
        """
        sources, found = self.sources, self.measured
        crowds = found.crowds | {name: count() for name, count in sources.crowds.items()}
        sizes = found.sizes | {name: measure() for name, measure in sources.sizes.items()}
        done = {name: getattr(self, name) for name in _DEEDS} | {name: count() for name, count in sources.deeds.items()}
        return {
            **{name: self._crowd(name, count) for name, count in crowds.items()},
            **{
                name: {value: self._crowd(f"{name} {value}", count) for value, count in sorted(split().items())}
                for name, split in sources.crowds_by.items()
            },
            **{name: size(size_bytes) for name, size_bytes in sizes.items()},
            **{name: state() for name, state in sources.states.items()},
            **{f"{name}_total": deeds(count) for name, count in done.items()},
            **{f"{name}_total": getattr(self, name) for name in _EXACT},
            "started_at_seconds": self.started_at,
            **found.exact,
            "refusals_total": {code: _by_code(code, count) for code, count in sorted(self.refusals.items())},
            "cut_off_total": {reason: deeds(count) for reason, count in sorted(self.cut_off.items())},
            **{name: _summary(histogram) for name, histogram in self.histograms().items()},
        }

    def _crowd(self, name: str, count: int) -> int:
        return self._shown.setdefault(name, Crowd()).show(count)

    def histograms(self) -> dict[str, Histogram]:
        """Each by the name of its figure."""
        return {
            "transaction_seconds": self.transactions,
            "transaction_changes": self.batches,
            "delivery_seconds": self.handed_over,
        }


_DEEDS: Final = (
    "connections_opened",
    "logins",
    "registrations",
    "codes_sent",
    "codes_shown",
    "appends",
    "rendezvous_opened",
    "rendezvous_met",
)
"""What people do."""

_EXACT: Final = ("failed_transactions", "sweeps", "failed_sweeps", "damaged", "codes_not_delivered")
"""What happens to the relay itself: one is enough to look after."""

OWN_FAULTS: Final = frozenset({"internal", "storage-failed", "storage-full"})
"""Refusals that tell of the relay and not of who was refused."""


def _by_code(code: str, count: int) -> int:
    return count if code in OWN_FAULTS else deeds(count)


def _summary(histogram: Histogram) -> dict[str, float | None]:
    """Quantiles are upper estimates in the histogram's own unit; None while too little was counted."""
    shown = histogram.show()
    return {
        "count": shown.upto[-1],
        "sum": round(shown.total, 6),
        **{name: histogram.quantile(share) for name, share in QUANTILES.items()},
    }
