"""What every part of the relay's table stands on: how much is measured, on which cores, in which folder, until when."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.relay.population import Population, Shape, populate
from bench.relay.processes import Cores, Failed, Generator, RunningRelay, generator, patient, running_relay
from bench.relay.xmpp.servers import EJABBERD, EJABBERD_SQLITE, PROSODY, PROSODY_SQLITE, Server

ENDS_IN_S = 0.5
"""How long a process may take to end by itself when time is up."""


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    seconds: float
    """Of each closed or open loop, after ``warm_s``."""
    warm_s: float
    rounds: int
    """Of the loop that gives the relay's limit; the median counts."""
    variants: bool
    """Whether pairs are also measured with larger messages and with all that tacit's clients do."""
    rates: tuple[float, ...]
    """Messages a second at which latencies are taken, below the limit; besides half of the aim, or of a lower limit."""
    groups: tuple[tuple[int, int], ...]
    """Readers of a group, and how many groups at once."""
    connections: tuple[int, ...]
    idle: int
    held_s: float
    """How long idle connections are held before memory is read and they are counted."""
    stormers: int
    """Devices that log in, and catch up, at once."""
    log_sizes: tuple[int, ...]
    many_logs: int
    stored: int
    """Entries in the store that a relay starts with."""
    peers: tuple[Server, ...]


FULL = Plan(
    seconds=5.0,
    warm_s=1.5,
    rounds=3,
    variants=True,
    rates=(500, 1_000, 2_500, 5_000, 7_500, 10_000),
    groups=((3, 25), (30, 10), (300, 2)),
    connections=(10, 100, 1_000, 10_000),
    idle=10_000,
    held_s=5.0,
    stormers=1_000,
    log_sizes=(1_000, 10_000, 100_000, 1_000_000),
    many_logs=100_000,
    stored=1_000_000,
    peers=(PROSODY, EJABBERD, PROSODY_SQLITE, EJABBERD_SQLITE),
)

QUICK = Plan(
    seconds=2.5,
    warm_s=0.7,
    rounds=1,
    variants=False,
    rates=(),
    groups=(),
    connections=(),
    idle=500,
    held_s=1.0,
    stormers=0,
    log_sizes=(),
    many_logs=0,
    stored=0,
    peers=(PROSODY, EJABBERD),
)


@dataclass
class Stage:
    """One run of the table."""

    folder: Path
    plan: Plan
    cores: Cores
    say: Callable[[str], None]
    """Tells a person who watches what is being measured."""
    figures: dict[str, Any] = field(default_factory=dict)
    """What programs read."""
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """What the picture shows, by name: size and figure."""
    failed: bool = False
    """Whether a part could not be measured for another reason than time."""
    until_s: float = float("inf")
    """When everything must be over, by ``time.monotonic``."""

    def left_s(self, most_s: float = float("inf")) -> float:
        """How long something may still take, and ``most_s`` at the most."""
        return max(0.0, min(most_s, self.until_s - time.monotonic()))

    def patience(self) -> float:
        """How long a process may take to end by itself; a moment, once time is up."""
        return max(ENDS_IN_S, self.left_s(patient()))

    @contextmanager
    def world(self, name: str, people: int, shapes: Sequence[Shape]) -> Iterator[World]:
        """A relay that knows so many people, and a load generator that plays them."""
        folder = self.folder / name
        population = populate(folder, people, shapes)
        with self.serve(folder, population) as world:
            yield world

    @contextmanager
    def serve(self, folder: Path, population: Population) -> Iterator[World]:
        """A relay over a folder that was filled before, and a load generator that plays its people."""
        with (
            running_relay(folder, self.cores.server, self.patience) as relay,
            generator(self.cores.generator, self.patience) as load,
        ):
            path = folder.with_name(f"{folder.name}.people")
            population.save(path)
            load.join(relay.address, path)
            yield World(self, relay, load)

    @property
    def pinned(self) -> str:
        """How the processes are bound, for notes."""
        return "each on one core" if self.cores.server is not None else "not pinned"


def size_bytes(folder: Path) -> int:
    """What a relay's folder takes on the disk, as far as its files say."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


@dataclass(frozen=True)
class World:
    """A relay and who speaks to it."""

    stage: Stage
    relay: RunningRelay
    load: Generator

    def closed(self, name: str, window: int, longer: float = 1.0) -> dict[str, Any]:
        """What a closed loop of these conversations comes to; ``longer`` where much is on the way at once."""
        return self._loop("closed", longer, name=name, window=window)

    def paced(self, name: str, rate: float) -> dict[str, Any]:
        """What a fixed rate comes to."""
        return self._loop("paced", 1.0, name=name, rate=rate)

    def _loop(self, op: str, longer: float, **request: Any) -> dict[str, Any]:
        """What came of a loop; raises ``Failed`` when that was nothing, which has no latency and no price."""
        seconds, warm_s = self.stage.plan.seconds * longer, self.stage.plan.warm_s * longer
        told = self.load.ask(op, warm_s=warm_s, seconds=seconds, pids=self.relay.pids, **request)
        if not told["messages"] or not told["latency_ms"]:
            raise Failed(f"no message came through in {seconds:g} s")
        return told
