"""The parts of the relay's table, one after the other in a folder that goes afterwards."""

from __future__ import annotations

import dataclasses
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil

from bench.measure import Row, Table
from bench.relay import clients, crowds, drawing, groups, pairs, peers, sizes, wire
from bench.relay.processes import Cores, Failed
from bench.relay.stage import FULL, QUICK, Plan, Stage

PARTS: Final[dict[str, Callable[[Stage], Iterator[Row]]]] = {
    "pairs": pairs.rows,
    "idle": crowds.idle_rows,
    "peers": peers.rows,
    "variants": pairs.variant_rows,
    "groups": groups.group_rows,
    "connections": groups.connection_rows,
    "storms": crowds.storm_rows,
    "logs": sizes.log_rows,
    "store": sizes.store_rows,
    "wire": wire.rows,
    "clients": clients.rows,
}
"""By name, in the order in which they run."""

QUICK_PARTS: Final = ("pairs", "idle", "peers")

QUICK_S: Final = 44.0
"""From the start of this process; what is not measured by then is left out, and 50 seconds are kept in any case."""

NOT_ASKED: Final = "not measured: this part of the table was not asked for"


class TimeUp(BaseException):
    """Interrupts whatever is being measured; nothing that catches errors may keep it."""


def run(
    *,
    quick: bool,
    pin: bool | None,
    only: Sequence[str],
    seconds: float | None,
    picture: bool,
    say: Callable[[str], None],
) -> Table:
    """Measure, all of it or the parts that are named. Raises ``Failed`` for what cannot be begun."""
    if unknown := [name for name in only if name not in PARTS]:
        raise Failed(f"no part is called {unknown[0]}; there are {', '.join(PARTS)}")
    plan = QUICK if quick else FULL
    if seconds is not None:
        plan = dataclasses.replace(plan, seconds=seconds)
    left_s = QUICK_S - (time.time() - psutil.Process().create_time()) if quick else float("inf")
    with tempfile.TemporaryDirectory(prefix="tacit-bench-") as directory:
        until_s = time.monotonic() + left_s
        stage = Stage(Path(directory), plan, _cores(pin), say, figures=_nothing_yet(plan), until_s=until_s)
        parts = tuple(only) or (QUICK_PARTS if quick else tuple(PARTS))
        rows = list(_rows(stage, parts))
    if picture:
        _draw(stage)
    return Table("relay: on loopback over TLS, durable", tuple(rows), stage.figures, stage.failed)


def _rows(stage: Stage, parts: Sequence[str]) -> Iterator[Row]:
    """The rows of these parts, and of each that could not be measured the reason."""
    time_is_up = False
    for name in parts:
        try:
            if time_is_up:
                raise TimeUp
            with _alarm(stage.left_s()):
                yield from PARTS[name](stage)
        except TimeUp:
            time_is_up = True
            reason = f"the {QUICK_S:.0f} s of a quick run were over"
        except (Failed, OSError, psutil.Error) as error:
            stage.failed = True
            reason = str(error) or type(error).__name__
        else:
            continue
        stage.figures["missing"][name] = reason
        if name == "peers":
            there = stage.figures["peers"]
            there |= {peer: reason for peer, found in there.items() if found == NOT_ASKED}
        yield Row(f"missing: {name}", 0.0, "", note=reason)


@contextmanager
def _alarm(left_s: float) -> Iterator[None]:
    """Interrupt what is inside after so many seconds."""
    if left_s == float("inf"):
        yield
        return
    if left_s <= 0:
        raise TimeUp

    def ring(*_: object) -> None:
        raise TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, left_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _draw(stage: Stage) -> None:
    """Put the picture of this run where the documents show it."""
    drawn = drawing.panels(stage.curves, stage.figures["peers"], 2 * pairs.PAIRS)
    if not drawn:
        raise Failed("nothing that was measured can be drawn")
    drawing.PICTURE.parent.mkdir(exist_ok=True)
    drawing.PICTURE.write_text(drawing.svg(drawn, f"relay and load generator {stage.pinned}"), encoding="utf-8")


def _cores(pin: bool | None) -> Cores:
    """Pinned where that was asked for, or where it is possible and nobody said otherwise."""
    if pin is None:
        pin = hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) > 1
    return Cores.two() if pin else Cores()


def _nothing_yet(plan: Plan) -> dict[str, Any]:
    """The figures that programs look for, so that each is there even when it could not be measured."""
    return {
        "delivered_per_s": None,
        "p99_ms_at_half_rate": None,
        "rss_kb_per_idle_connection": None,
        "peers": {server.name: NOT_ASKED for server in plan.peers},
        "times_as_fast_as": {},
        "missing": {},
    }
