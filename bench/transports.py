"""A frame there and back over each transport, with nothing around it: what relays and clients stand on."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from typing import Final

from bench.echo import SERVE, echoing
from bench.measure import Row, Table
from tacit.identity import RelayLink
from tacit.net import FrameLink, connect

PAYLOAD: Final = os.urandom(1219)
"""As long as the ciphertext of a message of 1 KB."""

ONE_BY_ONE: Final = 3_000
STREAMED: Final = 30_000
TOGETHER: Final = 64
"""Frames that are handed over at once; more are on their way than that."""

WARM_UP: Final = 200
GOODBYE_S: Final = 0.2
"""For TLS to end behind a link that is closed, which nobody can wait for."""


def table(quick: bool) -> Table:
    """One after the other, and as many as go, over WebSocket, gRPC and TCP."""
    share = 10 if quick else 1
    rows = []
    costs = {scheme: asyncio.run(_costs(scheme, share)) for scheme in SERVE}
    for at, what in enumerate(("there and back, one by one", "there and back, streamed")):
        for scheme, cost in costs.items():
            floor = costs["tcp"][at] if scheme != "tcp" else None
            rows.append(Row(f"{scheme}: {what}", cost[at], "us", floor, f"a frame of {len(PAYLOAD):,} B; floor: TCP"))
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


async def _costs(scheme: str, share: int) -> tuple[float, float]:
    with echoing(scheme) as port:
        return await round_trip_us(scheme, port, ONE_BY_ONE // share), await _streamed_us(
            scheme, port, STREAMED // share
        )


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
