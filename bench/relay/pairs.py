"""Throughput of pairs, its price in processor and disk, and latencies at fixed shares of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from bench.measure import Row
from bench.relay.population import Shape
from bench.relay.stage import Stage, World

PAIRS: Final = 25
WINDOW: Final = 16
PAYLOAD_BYTES: Final = 256
LARGE_BYTES: Final = 4096
ACKNOWLEDGE_EVERY: Final = 16

AIM_PER_S: Final = 10_000
AIM_P99_MS: Final = 20


def rows(stage: Stage) -> Iterator[Row]:
    """The relay at its limit, and below."""
    with stage.world("pairs", 2 * PAIRS, [Shape("pairs", PAIRS, 1)]) as world:
        stage.say(f"{PAIRS} pairs at the relay's limit")
        world.load.ask("talk", name="pairs", payload=PAYLOAD_BYTES)
        told = world.closed("pairs", WINDOW)
        stage.figures |= {
            "delivered_per_s": round(told["per_s"], 1),
            "cpu_s_per_1000": told["cpu_s_per_1000"],
            "lost": told["lost"],
        }
        yield Row(
            "pairs: acknowledged durable and delivered",
            told["per_s"],
            "messages/s",
            note=_note(stage, told),
            aim=AIM_PER_S,
        )
        yield Row(
            "pairs: processor of the relay for 1,000 messages",
            told["cpu_s_per_1000"] * 1e3,
            "ms",
            note="user and system time of all its threads, in the same seconds",
        )
        yield from _latencies(stage, world, told["per_s"])


def _latencies(stage: Stage, world: World, most_per_s: float) -> Iterator[Row]:
    for share in stage.plan.rates:
        stage.say(f"latency at {share:.0%} of that")
        told = world.paced("pairs", most_per_s * share)
        if share == 0.5:
            stage.figures["p99_ms_at_half_rate"] = round(told["latency_ms"]["p99"], 2)
        for name in ("p50", "p95", "p99"):
            yield Row(
                f"pairs: from send to delivery at {most_per_s * share:,.0f}/s, {name}",
                told["latency_ms"][name],
                "ms",
                aim=AIM_P99_MS if (share, name) == (0.5, "p99") else None,
                note=f"{share:.0%} of the limit, open loop; counted from when a message was due, every ms",
            )


def _note(stage: Stage, told: dict[str, Any]) -> str:
    trouble = "".join(f"; {count} refused: {code}" for code, count in told["refused"].items())
    trouble += f"; {told['lost']} LOST" if told["lost"] else ""
    return (
        f"{PAIRS} pairs, window {WINDOW}, {PAYLOAD_BYTES} B, TLS, {stage.pinned}, {told['seconds']:.0f} s; relay "
        f"{told['cpu_share']:.0%} of a core, generator {told['generator_share']:.0%}{trouble}"
    )
