"""A message from one screen to the other, through two whole clients and a relay, and the ``tacit send`` command."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from bench.measure import Row, percentile
from bench.relay.processes import TACIT, running_relay
from bench.relay.stage import Stage
from tacit import Client
from tacit.sdk.types import MessageEvent, RequestEvent

TEXT = "x" * 1024
BURST = 300
ONE_BY_ONE = 100
COMMANDS = 7
NAMES = ("ada", "bob")


def rows(stage: Stage) -> Iterator[Row]:
    """Start everything, measure, stop everything."""
    folder = stage.folder / "clients"
    folder.mkdir()
    with running_relay(folder / "relay", stage.cores.server, stage.patience) as relay:
        stage.say("two whole clients")
        yield from uvloop.run(_clients(relay.link, folder))
        stage.say("the tacit send command")
        yield from _commands(folder)


# ---- through two whole clients ----


async def _clients(link: str, folder: Path) -> list[Row]:
    for name in NAMES:
        await Client.create(name, name=name, relay=link, passphrase=None, data_dir=folder / "data")
    async with _open(folder, "ada") as ada, _open(folder, "bob") as bob:
        chat = await _acquaint(ada, bob)
        arrived = bob.events()
        delivered = []
        for _ in range(ONE_BY_ONE):
            began = time.perf_counter()
            await ada.send(chat, TEXT)
            await _texts(arrived, 1)
            delivered.append(time.perf_counter() - began)
        began = time.perf_counter()
        for _ in range(BURST):
            await ada.send(chat, TEXT)
        await _texts(arrived, BURST)
        burst_s = time.perf_counter() - began
    note = f"{BURST} messages of 1 KB; two stores and two clients in one process"
    return [
        Row("clients: messages from one screen to the other", BURST / burst_s, "messages/s", None, note),
        *_latency(delivered),
    ]


@asynccontextmanager
async def _open(folder: Path, name: str) -> AsyncIterator[Client]:
    async with Client.open(name, data_dir=folder / "data") as client:
        await client.wait_caught_up()
        yield client


async def _acquaint(ada: Client, bob: Client) -> str:
    """The direct chat of the two, with the request accepted and the first text delivered."""
    asked = bob.events()
    first = await ada.send("@bob", "hello")
    async with asyncio.timeout(30):
        while not isinstance(event := await anext(asked), RequestEvent):
            continue
        await bob.accept(event.chat.id)
        await ada.wait_for(first.id, "delivered", 30)
    return first.chat


async def _texts(arrived: AsyncIterator[object], count: int) -> None:
    async with asyncio.timeout(60):
        while count:
            event = await anext(arrived)
            if isinstance(event, MessageEvent) and event.message.kind == "text" and not event.message.mine:
                count -= 1


# ---- as a command ----


def _commands(folder: Path) -> list[Row]:
    environment = {**os.environ, "TACIT_DATA_DIR": str(folder / "data")}

    def run_s(*arguments: str) -> float:
        began = time.perf_counter()
        subprocess.run([TACIT, *arguments], env=environment, check=True, capture_output=True)
        return time.perf_counter() - began

    nothing = statistics.median(run_s("--version") for _ in range(COMMANDS))
    send = statistics.median(run_s("-P", "ada", "send", "@bob", TEXT) for _ in range(COMMANDS))
    note = f"median of {COMMANDS}; floor: tacit --version"
    return [Row("command: tacit send, from start to exit", send * 1e3, "ms", nothing * 1e3, note)]


def _latency(seconds: Sequence[float]) -> Iterator[Row]:
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        what, note = f"clients: from one screen to the other, {name}", f"{len(seconds)} messages, one after the other"
        yield Row(what, percentile(seconds, share) * 1e3, "ms", note=note)
