"""What a large store costs: appends to long logs and to one of many, and the time to start."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.measure import Row
from bench.relay.pairs import PAYLOAD_BYTES, WINDOW
from bench.relay.population import Population, Shape, fill, populate
from bench.relay.processes import running_relay
from bench.relay.stage import Stage, size_bytes

FILLING_BYTES: Final = 128
"""Payload of what lies there before; a million of them are just within the quota of one account."""

LOGS_OF_ONE_ACCOUNT: Final = 1_000
STARTS: Final = 3


def log_rows(stage: Stage) -> Iterator[Row]:
    """One writer in a closed loop, in a log that holds so many entries already."""
    curve: list[tuple[float, float]] = []
    for size in stage.plan.log_sizes:
        stage.say(f"appends to a log of {size:,} entries")
        folder = stage.folder / f"log-{size}"
        people = populate(folder, 2, [Shape("log", 1, 1)])
        fill(folder, people, "log", size, FILLING_BYTES)
        yield _append_row(stage, f"append to a log of {size:,} entries", folder.name, people, curve, size)
    stage.curves["append"] = curve


def store_rows(stage: Stage) -> Iterator[Row]:
    """A store of many logs: one append among them, and how long a relay takes to start with it."""
    if not stage.plan.many_logs:
        return
    logs, entries = stage.plan.many_logs, stage.plan.stored // stage.plan.many_logs
    stage.say(f"filling a store with {logs:,} logs of {entries} entries")
    empty, full = stage.folder / "empty", stage.folder / "full"
    populate(empty, 2, [])
    people = _many_logs(stage.plan.many_logs, full)
    for name in people.talks:
        fill(full, people, name, entries, FILLING_BYTES)
    stage.say(f"starting with {logs * entries:,} entries")
    yield Row(
        f"start with {logs * entries:,} entries in the store",
        _start_s(stage, full) * 1e3,
        "ms",
        floor=_start_s(stage, empty) * 1e3,
        note=f"from exec to the printed link, best of {STARTS}, {size_bytes(full) >> 20:,} MiB; floor: an empty store",
    )
    yield _append_row(stage, f"append to one of {logs:,} logs", full.name, people, [], logs)


def _append_row(
    stage: Stage, what: str, folder: str, people: Population, curve: list[tuple[float, float]], size: int
) -> Row:
    name = next(iter(people.talks))
    with stage.serve(stage.folder / folder, people) as world:
        world.load.ask("talk", name=name, payload=PAYLOAD_BYTES, count=1)
        busy, single = world.closed(name, WINDOW), world.closed(name, 1)
    curve.append((size, 1e3 / busy["per_s"]))
    return Row(
        what,
        1e3 / busy["per_s"],
        "ms",
        note=f"one writer and one reader, window {WINDOW}; one by one {single['latency_ms']['p50']:.2f} ms (p50)",
    )


def _many_logs(logs: int, folder: Path) -> Population:
    """So many logs, each account with as many as it may make."""
    accounts = -(-logs // LOGS_OF_ONE_ACCOUNT)
    each = -(-logs // accounts)
    shapes = [Shape(f"logs-{number}", each, 1, 2 * number, same_people=True) for number in range(accounts)]
    return populate(folder, 2 * accounts, shapes)


def _start_s(stage: Stage, folder: Path) -> float:
    took = []
    for _ in range(STARTS):
        began = time.perf_counter()
        with running_relay(folder, stage.cores.server, stage.patience):
            took.append(time.perf_counter() - began)
    return min(took)
