"""The parts of the relay's table, one after the other in a folder that goes afterwards."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.measure import Row, Table
from bench.relay import clients, crowds, groups, pairs, peers, sizes
from bench.relay.processes import Cores
from bench.relay.stage import FULL, QUICK, Stage

PARTS: Final[dict[str, Callable[[Stage], Iterator[Row]]]] = {
    "pairs": pairs.rows,
    "peers": peers.rows,
    "idle": crowds.idle_rows,
    "variants": pairs.variant_rows,
    "groups": groups.group_rows,
    "connections": groups.connection_rows,
    "storms": crowds.storm_rows,
    "logs": sizes.log_rows,
    "store": sizes.store_rows,
    "clients": lambda stage: clients.rows(stage.folder / "clients"),
}
"""By name, in the order in which they run."""


def run(*, quick: bool, pin: bool, only: Sequence[str], seconds: float | None, say: Callable[[str], None]) -> Table:
    """Measure, all of it or the parts that are named."""
    plan = QUICK if quick else FULL
    if seconds is not None:
        plan = dataclasses.replace(plan, seconds=seconds)
    with tempfile.TemporaryDirectory(prefix="tacit-bench-") as directory:
        stage = Stage(Path(directory), plan, Cores.two() if pin else Cores(), say)
        rows = [row for name in only or PARTS for row in PARTS[name](stage)]
    return Table("relay: on loopback over TLS, durable", tuple(rows), stage.figures)
