"""One message after the other over a link of tacit's own, beside the least that this can take on this machine."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from bench.echo import echoing
from bench.measure import Row, cost_us, percentile
from bench.relay.processes import running_relay
from bench.relay.stage import Stage
from bench.transports import GOODBYE_S, PAYLOAD, round_trip_us
from tacit.identity import RelayLink, parse_link
from tacit.net import connect
from tests.relay.peers import Peer, Someone, commit, message

ONE_BY_ONE = 300


def rows(stage: Stage) -> Iterator[Row]:
    """Until a message is acknowledged, and until it is delivered, with nothing else going on."""
    stage.say("one message after the other")
    with running_relay(stage.folder / "wire", stage.cores.server, stage.patience) as relay:
        answered, delivered = uvloop.run(_one_by_one(parse_link(relay.link)))
    with echoing("ws") as port:
        floor_us = uvloop.run(round_trip_us("ws", port, ONE_BY_ONE))
    floor_ms = (floor_us + _durable_commit_us(stage.folder / "floor.sqlite")) / 1e3
    yield from _latency("wire: until acknowledged", answered, floor_ms)
    yield from _latency("wire: until delivered", delivered, floor_ms)


async def _one_by_one(link: RelayLink) -> tuple[list[float], list[float]]:
    answered, delivered = [], []
    async with _peer(link) as writer, _peer(link) as reader:
        log_id = await _shared_log(writer, reader)
        for _ in range(ONE_BY_ONE):
            began = time.perf_counter()
            answer = await writer.begin(message(log_id, PAYLOAD))
            await reader.entry()
            delivered.append(time.perf_counter() - began)
            await answer
            answered.append(time.perf_counter() - began)
    await asyncio.sleep(GOODBYE_S)
    return answered, delivered


async def _shared_log(writer: Peer, reader: Peer) -> bytes:
    """A log that both read; the reader listens to it."""
    log_id = await writer.create_log()
    assert reader.someone is not None
    await writer.ask(commit(log_id, b"", 0, readers_added=[reader.someone.address]))
    await reader.listen(log_id, after=1)
    return log_id


def _durable_commit_us(path: Path) -> float:
    """What one durable write costs on this disk, with nothing around it."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE entries (payload BLOB)")
    cost = cost_us(lambda: database.execute("INSERT INTO entries VALUES (?)", (PAYLOAD,)))
    database.close()
    return cost


@asynccontextmanager
async def _peer(link: RelayLink) -> AsyncIterator[Peer]:
    """Somebody new who has registered and logged in."""
    peer, someone = await Peer.over(await connect(link, timeout_s=10)), Someone.new()
    await peer.register(someone)
    await peer.login(someone)
    try:
        yield peer
    finally:
        await peer.close()


def _latency(what: str, seconds: Sequence[float], floor_ms: float) -> Iterator[Row]:
    note = f"{len(seconds)} messages of {len(PAYLOAD):,} B"
    yield Row(
        f"{what}, p50",
        percentile(seconds, 0.5) * 1e3,
        "ms",
        floor_ms,
        f"{note}; floor: a bare echo over TLS and one durable write",
    )
    yield Row(f"{what}, p99", percentile(seconds, 0.99) * 1e3, "ms", note=note)
