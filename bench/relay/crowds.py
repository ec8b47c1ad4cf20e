"""Many devices at once: idle ones and their memory, a storm of logins, and everybody catching up after a restart."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from bench.measure import Row
from bench.relay.population import Shape, fill, populate
from bench.relay.processes import connections_allowed
from bench.relay.stage import Stage

FIRST: Final = 20
"""Connections before memory is read for the first time: what is loaded once is not theirs."""

AIM_KB: Final = 40
ENTRIES: Final = 100
ENTRY_BYTES: Final = 256
AT_ONCE: Final = 500
"""Connections of a storm that are being made at the same time."""


def idle_rows(stage: Stage) -> Iterator[Row]:
    """Memory of the relay for each connection that is logged in and listens, and does nothing."""
    idle = connections_allowed(stage.plan.idle) // 2 * 2
    stage.say(f"{idle:,} idle connections")
    with stage.world("idle", idle, [Shape("idle", idle // 2, 1)]) as world:
        world.load.ask("idle", name="idle", count=FIRST // 2)
        time.sleep(1)
        before = world.relay.rss_bytes()
        told = world.load.ask("idle", name="idle", first=FIRST // 2)
        time.sleep(stage.plan.held_s)
        each_kb = (world.relay.rss_bytes() - before) / (idle - FIRST) / 1024
        held = world.load.ask("total")["connected"]
    stage.figures |= {"rss_kb_per_idle_connection": round(each_kb, 1), "idle_connections": held}
    fewer = (
        f"; {stage.plan.idle:,} were wanted, this system allows no more open files" if idle < stage.plan.idle else ""
    )
    note = "logged in over TLS, each listening to its inbox and one conversation"
    note += f"; after {stage.plan.held_s:.0f} s without a word"
    yield Row("idle connections held", held, "connections", note=note + fewer)
    yield Row(
        "memory of the relay for each idle connection",
        each_kb,
        "KiB",
        note=f"resident set after {idle:,}, less that after {FIRST}, by {idle - FIRST:,}",
        aim=AIM_KB,
    )
    yield Row(
        "logging in, at a steady pace",
        (idle - FIRST) / told["connected_s"],
        "devices/s",
        note="TCP, TLS 1.3, WebSocket and login, 64 at a time, the generator's work included",
    )


def storm_rows(stage: Stage) -> Iterator[Row]:
    """Everybody comes at once: with nothing to read, and with much after a restart."""
    crowd = stage.plan.stormers
    if not crowd:
        return
    stage.say(f"{crowd:,} devices log in")
    folder = stage.folder / "storm"
    people = populate(folder, crowd, [Shape("storm", crowd // 2, 1)])
    with stage.serve(folder, people) as world:
        told = world.load.ask("idle", name="storm", at_once=AT_ONCE)
    note = f"from the first SYN to the last LoggedIn, {AT_ONCE} at a time, {stage.pinned}; generator's work included"
    yield Row(f"{crowd:,} devices log in", told["connected_s"], "s", note=note)
    stage.say(f"{crowd:,} devices catch up")
    fill(folder, people, "storm", ENTRIES, ENTRY_BYTES)
    with stage.serve(folder, people) as world:
        told = world.load.ask("catch", name="storm", entries=ENTRIES, at_once=AT_ONCE)
    yield Row(
        f"{crowd:,} devices catch up {ENTRIES} entries each after a restart",
        told["seconds"],
        "s",
        note=f"login, Listen from the beginning, entries of {ENTRY_BYTES} B until all {crowd * ENTRIES:,} are there",
    )
