"""A real relay process on loopback with its store on disk: by its wire, through two whole clients, as a command."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psutil
import uvloop

from bench.measure import Row, cost_us, percentile
from tacit import Client
from tacit.identity import RelayLink, parse_link
from tacit.net import connect
from tacit.sdk.types import MessageEvent, RequestEvent
from tests.relay.peers import Peer, Someone, commit, message

PAYLOAD = os.urandom(1219)
"""As long as the ciphertext of a message of 1 KB."""

TEXT = "x" * 1024
IN_FLIGHT = 32
BURST = 3_000
ONE_BY_ONE = 300
IDLE = 400
CLIENT_BURST = 300
CLIENT_ONE_BY_ONE = 100
COMMANDS = 7
NAMES = ("ada", "bob")
TACIT = str(Path(__file__).resolve().parents[2] / "tacit")


def rows(folder: Path) -> Iterator[Row]:
    """Start everything, measure, stop everything."""
    folder.mkdir()
    with _relay(folder / "relay") as (process, link):
        yield from uvloop.run(_wire(parse_link(link), folder))
        yield from uvloop.run(_idle(parse_link(link), process))
        yield from uvloop.run(_clients(link, folder))
        yield from _commands(folder)


@contextmanager
def _relay(folder: Path) -> Iterator[tuple[psutil.Process, str]]:
    command = [
        TACIT,
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--public-host",
        "127.0.0.1",
        "--data",
        str(folder),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as relay:
        assert relay.stdout is not None
        try:
            link = relay.stdout.readline().strip()
            if not link:
                raise RuntimeError("the relay did not start")
            yield psutil.Process(relay.pid), link
        finally:
            relay.terminate()


# ---- by its wire ----


async def _wire(link: RelayLink, folder: Path) -> list[Row]:
    async with _peer(link) as writer, _peer(link) as reader:
        log_id = await _shared_log(writer, reader)
        answered, delivered = [], []
        for _ in range(ONE_BY_ONE):
            began = time.perf_counter()
            answer = await writer.begin(message(log_id, PAYLOAD))
            await reader.entry()
            delivered.append(time.perf_counter() - began)
            await answer
            answered.append(time.perf_counter() - began)
        burst_s = await _burst(writer, reader, log_id)
    floor_ms = _durable_commit_us(folder / "floor.sqlite") / 1e3 + await _round_trip_ms()
    return [
        Row(
            "wire: messages acknowledged durable and delivered",
            BURST / burst_s,
            "messages/s",
            None,
            f"{IN_FLIGHT} in flight",
        ),
        *_latency("wire: until acknowledged", answered, floor_ms),
        *_latency("wire: until delivered", delivered, floor_ms),
    ]


async def _shared_log(writer: Peer, reader: Peer) -> bytes:
    """A log that both read; the reader listens to it."""
    log_id = await writer.create_log()
    assert reader.someone is not None
    await writer.ask(commit(log_id, b"", 0, readers_added=[reader.someone.address]))
    await reader.listen(log_id, after=1)
    return log_id


async def _burst(writer: Peer, reader: Peer, log_id: bytes) -> float:
    room = asyncio.Semaphore(IN_FLIGHT)

    async def read() -> None:
        for _ in range(BURST):
            await reader.entry()

    async def write() -> None:
        async with room:
            await (await writer.begin(message(log_id, PAYLOAD)))

    reading = asyncio.create_task(read())
    began = time.perf_counter()
    await asyncio.gather(reading, *(write() for _ in range(BURST)))
    return time.perf_counter() - began


def _durable_commit_us(path: Path) -> float:
    """What one durable write costs on this disk, with nothing around it."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE entries (payload BLOB)")
    cost = cost_us(lambda: database.execute("INSERT INTO entries VALUES (?)", (PAYLOAD,)))
    database.close()
    return cost


@contextmanager
def _echo() -> Iterator[int]:
    """The port of a process that sends every frame back."""
    with subprocess.Popen([sys.executable, "-m", "bench.echo"], stdout=subprocess.PIPE, text=True) as echo:
        assert echo.stdout is not None
        try:
            yield int(echo.stdout.readline())
        finally:
            echo.terminate()


async def _round_trip_ms() -> float:
    """There and back on a link, without a relay."""
    took = []
    with _echo() as port:
        link = await connect(RelayLink("127.0.0.1", port, bytes(32)), timeout_s=10)
        for _ in range(ONE_BY_ONE):
            began = time.perf_counter()
            await link.send(PAYLOAD)
            await link.receive()
            took.append(time.perf_counter() - began)
        await link.close()
    return statistics.median(took) * 1e3


# ---- idle connections ----


async def _idle(link: RelayLink, process: psutil.Process) -> list[Row]:
    async with _peer(link):
        before = process.memory_info().rss
        peers = [await _logged_in(link) for _ in range(IDLE)]
        after = process.memory_info().rss
        await asyncio.gather(*(peer.close() for peer in peers))
    return [
        Row(
            "memory for each idle connection",
            (after - before) / IDLE / 1024,
            "KiB",
            None,
            f"{IDLE} logged in, TLS included",
        )
    ]


# ---- through two whole clients ----


async def _clients(link: str, folder: Path) -> list[Row]:
    for name in NAMES:
        await Client.create(name, name=name, relay=link, passphrase=None, data_dir=folder / "data")
    async with _open(folder, "ada") as ada, _open(folder, "bob") as bob:
        chat = await _acquaint(ada, bob)
        arrived = bob.events()
        delivered = []
        for _ in range(CLIENT_ONE_BY_ONE):
            began = time.perf_counter()
            await ada.send(chat, TEXT)
            await _texts(arrived, 1)
            delivered.append(time.perf_counter() - began)
        began = time.perf_counter()
        for _ in range(CLIENT_BURST):
            await ada.send(chat, TEXT)
        await _texts(arrived, CLIENT_BURST)
        burst_s = time.perf_counter() - began
    note = "two stores, two clients on one core"
    return [
        Row("clients: messages from one screen to the other", CLIENT_BURST / burst_s, "messages/s", None, note),
        *_latency("clients: from one screen to the other", delivered, None),
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
    return [Row("command: tacit send, from start to exit", send * 1e3, "ms", nothing * 1e3, "floor: tacit --version")]


# ---- shared ----


@asynccontextmanager
async def _peer(link: RelayLink) -> AsyncIterator[Peer]:
    peer = await _logged_in(link)
    try:
        yield peer
    finally:
        await peer.close()


async def _logged_in(link: RelayLink) -> Peer:
    peer = await Peer.over(await connect(link, timeout_s=10))
    someone = Someone.new()
    await peer.register(someone)
    await peer.login(someone)
    return peer


def _latency(what: str, seconds: Sequence[float], floor_ms: float | None) -> Iterator[Row]:
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        note = "floor: a bare echo over TLS and one durable write" if floor_ms and share == 0.5 else ""
        yield Row(f"{what}, {name}", percentile(seconds, share) * 1e3, "ms", floor_ms if share == 0.5 else None, note)
