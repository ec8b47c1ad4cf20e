"""Throughput over the number of readers, and over the number of connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from bench.measure import Row
from bench.relay.notes import loop_note
from bench.relay.pairs import PAYLOAD_BYTES, WINDOW
from bench.relay.population import Shape
from bench.relay.processes import connections_allowed
from bench.relay.stage import Stage

ON_THE_WAY: Final = 1_600
"""Messages of all conversations together, over the number of connections; a window is 1 at least and 16 at most."""


def group_rows(stage: Stage) -> Iterator[Row]:
    """One writer and so many readers, who all are online; a message is done when the last of them has it."""
    for readers, groups in stage.plan.groups:
        stage.say(f"groups of {readers} readers")
        with stage.world(f"groups-{readers}", groups * (readers + 1), [Shape("groups", groups, readers)]) as world:
            world.load.ask("talk", name="groups", payload=PAYLOAD_BYTES)
            told = world.closed("groups", WINDOW)
        what = f"groups of {readers} readers: "
        note = f"{groups} groups, window {WINDOW}, {PAYLOAD_BYTES} B, {loop_note(stage, told)}"
        yield Row(f"{what}acknowledged and delivered to all", told["per_s"], "messages/s", note=note)
        yield Row(f"{what}deliveries", told["deliveries_per_s"], "entries/s", note="to all readers in the same time")


def connection_rows(stage: Stage) -> Iterator[Row]:
    """Pairs, from few connections to very many, with as much on the way as the windows allow."""
    curve: list[tuple[float, float]] = []
    for wanted in stage.plan.connections:
        connections = connections_allowed(wanted) // 2 * 2
        stage.say(f"throughput with {connections:,} connections")
        pairs = connections // 2
        window = max(1, min(WINDOW, ON_THE_WAY // pairs))
        told: dict[str, Any]
        with stage.world(f"connections-{connections}", connections, [Shape("pairs", pairs, 1)]) as world:
            world.load.ask("talk", name="pairs", payload=PAYLOAD_BYTES)
            told = world.closed("pairs", window, max(1.0, window * pairs / ON_THE_WAY))
        curve.append((connections, told["per_s"]))
        yield Row(
            f"throughput with {connections:,} connections",
            told["per_s"],
            "messages/s",
            note=f"{pairs:,} pairs, window {window}, {PAYLOAD_BYTES} B, {loop_note(stage, told)}",
        )
    stage.curves["throughput"] = curve
