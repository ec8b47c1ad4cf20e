"""A frame there and back over each transport, with nothing around it: what relays and clients stand on."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final

from bench.echo import SERVE, echoing
from bench.measure import Row, Table
from tacit.identity import RelayLink
from tacit.net import FrameLink, connect

PAYLOAD: Final = os.urandom(1219)
"""As long as the ciphertext of a message of 1 KB."""

ROUNDS: Final = 10
ONE_BY_ONE: Final = 5_000
STREAMED: Final = 50_000
"""Frames of all rounds together."""

TOGETHER: Final = 64
"""Frames that are handed over at once; more are on their way than that."""

WARM_UP: Final = 200
GOODBYE_S: Final = 0.2
"""For TLS to end behind a link that is closed, which nobody can wait for."""


def table(quick: bool) -> Table:
    """One after the other, and as many as go, over WebSocket, gRPC and TCP."""
    with ExitStack() as stack:
        ports = {scheme: stack.enter_context(echoing(scheme)) for scheme in SERVE}
        found = asyncio.run(_rounds(ports, ROUNDS if not quick else 2))
    rows = []
    for what, costs in found.items():
        for scheme, cost in costs.items():
            floor = costs["tcp"] if scheme != "tcp" else None
            rows.append(Row(f"{scheme}: {what}", cost, "us", floor, f"a frame of {len(PAYLOAD):,} B; floor: TCP"))
    return Table("transports: an echo over TLS in another process, no relay", tuple(rows))


async def round_trip_us(scheme: str, port: int, frames: int = ONE_BY_ONE) -> float:
    """The median of frames that wait for each other, on a link of their own."""
    link = await connect(RelayLink("127.0.0.1", port, bytes(32), scheme=scheme), timeout_s=10)
    took = []
    for _ in range(WARM_UP + frames):
        began = time.perf_counter()
        await link.send(PAYLOAD)
        await link.receive()
        took.append(time.perf_counter() - began)
    await _leave(link)
    return statistics.median(took[WARM_UP:]) * 1e6


async def _rounds(ports: Mapping[str, int], rounds: int) -> dict[str, dict[str, float]]:
    """The median of rounds, of which each has all transports: what else the machine does then disturbs all of them."""
    ways = {
        "there and back, one by one": (round_trip_us, ONE_BY_ONE),
        "there and back, streamed": (_streamed_us, STREAMED),
    }
    taken: dict[tuple[str, str], list[float]] = {(what, scheme): [] for what in ways for scheme in ports}
    for _ in range(rounds):
        for what, (measure, frames) in ways.items():
            for scheme, port in ports.items():
                taken[what, scheme].append(await measure(scheme, port, frames // ROUNDS))
    return {what: {scheme: statistics.median(taken[what, scheme]) for scheme in ports} for what in ways}


async def _streamed_us(scheme: str, port: int, frames: int) -> float:
    """What each of many takes that do not wait for each other."""
    link = await connect(RelayLink("127.0.0.1", port, bytes(32), scheme=scheme), timeout_s=10)

    async def send() -> None:
        for _ in range(-(-frames // TOGETHER)):
            await link.send_many([PAYLOAD] * TOGETHER)

    began = time.perf_counter()
    sending = asyncio.create_task(send())
    back = 0
    while back < frames:
        back += len(await link.receive_many())
    took_s = time.perf_counter() - began
    await sending
    await _leave(link)
    return took_s / back * 1e6


async def _leave(link: FrameLink) -> None:
    await link.close()
    await asyncio.sleep(GOODBYE_S)
