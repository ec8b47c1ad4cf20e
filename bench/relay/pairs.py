"""Throughput of pairs, its price in processor and disk, and latencies at fixed shares of it."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from bench.measure import Row
from bench.relay.notes import loop_note
from bench.relay.population import Shape, populate
from bench.relay.processes import Failed
from bench.relay.stage import Stage, World, size_bytes

PAIRS: Final = 25
WINDOW: Final = 16
PAYLOAD_BYTES: Final = 256
LARGE_BYTES: Final = 4096
ACKNOWLEDGE_EVERY: Final = 16

AIM_PER_S: Final = 10_000
AIM_P99_MS: Final = 20
BELOW: Final = 0.95
"""Rates nearer to the limit than this only show the queue growing."""

WRITES: Final = 50


def rows(stage: Stage) -> Iterator[Row]:
    """The relay at its limit, and below."""
    folder = stage.folder / "pairs"
    people = populate(folder, 2 * PAIRS, [Shape("pairs", PAIRS, 1)])
    before = size_bytes(folder)
    yield Row("disk: one write of 4 KiB, synced", _synced_write_s(folder) * 1e3, "ms", note=f"median of {WRITES}")
    with stage.serve(folder, people) as world:
        stage.say(f"{PAIRS} pairs at the relay's limit")
        world.load.ask("talk", name="pairs", payload=PAYLOAD_BYTES)
        rounds = sorted((world.closed("pairs", WINDOW) for _ in range(stage.plan.rounds)), key=itemgetter("per_s"))
        told = rounds[len(rounds) // 2]
        yield from _limit(stage, told)
        yield from _latencies(stage, world, told["per_s"])
        sent = world.load.ask("total")["sent"]
    yield Row(
        "pairs: disk for each message",
        (size_bytes(folder) - before) / sent,
        "bytes",
        note=f"growth of the folder over {sent:,} messages of {PAYLOAD_BYTES} B, after a clean stop",
    )


def variant_rows(stage: Stage) -> Iterator[Row]:
    """The same with larger messages, and with all that tacit's own clients do."""
    if not stage.plan.variants:
        return
    whole = {"own": True, "acknowledge_every": ACKNOWLEDGE_EVERY}
    for name, payload, options in (
        ("pairs, 4 KB", LARGE_BYTES, {}),
        (f"pairs, writers listening too, entries acknowledged by {ACKNOWLEDGE_EVERY}", PAYLOAD_BYTES, whole),
    ):
        stage.say(name)
        with stage.world(f"pairs-{payload}-{len(options)}", 2 * PAIRS, [Shape("pairs", PAIRS, 1)]) as world:
            world.load.ask("talk", name="pairs", payload=payload, **options)
            told = world.closed("pairs", WINDOW)
        yield Row(name, told["per_s"], "messages/s", note=_note(stage, told, payload))
        yield Row(
            f"{name}: from send to delivery at the limit, p99",
            told["latency_ms"]["p99"],
            "ms",
            note="closed loop: what a window in flight costs",
        )


def _synced_write_s(folder: Path) -> float:
    """What the disk asks for a promise: the least that anything durable takes here."""
    took = []
    with tempfile.TemporaryFile(dir=folder.parent, buffering=0) as file:
        for _ in range(WRITES):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took)


def _limit(stage: Stage, told: dict[str, Any]) -> Iterator[Row]:
    stage.figures |= {
        "delivered_per_s": round(told["per_s"], 1),
        "cpu_s_per_1000": round(told["cpu_s_per_1000"], 4),
        "lost": told["lost"],
    }
    yield Row(
        "pairs: acknowledged durable and delivered",
        told["per_s"],
        "messages/s",
        note=f"{_note(stage, told, PAYLOAD_BYTES)}; median of {stage.plan.rounds}",
        aim=AIM_PER_S,
    )
    yield Row(
        "pairs: processor of the relay for 1,000 messages",
        told["cpu_s_per_1000"],
        "s",
        note="user and system time of all its threads, in the same seconds",
    )


def _latencies(stage: Stage, world: World, most_per_s: float) -> Iterator[Row]:
    half, of = min((most_per_s, "the limit"), (AIM_PER_S, "the aim"))
    half /= 2
    rates = [rate for rate in stage.plan.rates if rate < most_per_s * BELOW and rate != half]
    for rate in (half, *rates):
        stage.say(f"latency at {rate:,.0f} messages a second")
        is_half = rate == half
        try:
            told = world.paced("pairs", rate)
        except Failed as error:
            yield Row(f"pairs: from send to delivery at {rate:,.0f}/s", 0.0, "ms", note=str(error))
            continue
        found = told["latency_ms"]
        if is_half:
            stage.figures["p99_ms_at_half_rate"] = round(found["p99"], 2)
        notes = {
            "p50": f"{rate / most_per_s:.0%} of the limit, open loop; from when a message was due, to the ms",
            "p95": f"{told['per_s']:,.0f}/s came through, the slowest after {found['most']:,.1f} ms",
            "p99": loop_note(stage, told),
        }
        for name, note in notes.items():
            what = f"pairs: from send to delivery at {rate:,.0f}/s{f', half of {of}' if is_half else ''}, {name}"
            aim = AIM_P99_MS if is_half and name == "p99" else None
            yield Row(what, found[name], "ms", note=note, aim=aim)
            stage.curves.setdefault(f"latency {name}", []).append((rate, found[name]))


def _note(stage: Stage, told: dict[str, Any], payload: int) -> str:
    return f"{PAIRS} pairs, window {WINDOW}, {payload} B, {loop_note(stage, told)}"
