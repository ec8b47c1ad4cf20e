"""The load generator, a process of its own: ``python -m bench.relay.load``. One JSON line in, one JSON line out.

It ends when its standard input does, so it never outlives who started it. Requests:

``join``    {"address": [HOST, PORT], "population": FILE}: the relay to speak to, and as whom
``talk``    {"name": NAME, "payload": BYTES, ...}: everybody in these conversations connects and listens
``closed``  {"name": NAME, "window": N, "warm_s": S, "seconds": S, "pids": [PID]}
``paced``   {"name": NAME, "rate": MESSAGES_PER_S, ...}
``chat``    {"name": NAME, "address": [HOST, PORT], "domain": DOMAIN, "pairs": N, "payload": BYTES}: the same over XMPP
``idle``    {"name": NAME, "first": N, "count": N}: the people of these conversations connect, listen and say nothing
``catch``   {"name": NAME, "entries": N}: everybody in these conversations reads so many entries that wait
``total``   {}: how many messages were sent so far, and who is connected
``leave``   {}: everybody goes
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import ssl
import sys
import time
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import uvloop

from bench.relay.conversations import Conversation
from bench.relay.devices import Device, DeviceLost
from bench.relay.measuring import closed_loop, open_loop
from bench.relay.population import Person, Population
from bench.relay.xmpp.stream import Stream
from tacit.net.tls import client_context

AT_ONCE: Final = 64
"""Connections that are being made at the same time."""

PER_SOURCE: Final = 5_000
"""Connections from one loopback address: the kernel has some 28,000 ports for each, relays may have less patience."""


class Load:
    """Everybody whom this process plays."""

    def __init__(self) -> None:
        self._address = ("127.0.0.1", 0)
        self._people: tuple[Person, ...] = ()
        self._population = Population((), {})
        self._tls = client_context()
        self._tls_of_others = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls_of_others.check_hostname = False
        self._tls_of_others.verify_mode = ssl.CERT_NONE
        self._devices: dict[int, Device] = {}
        self._streams: list[Stream] = []
        self._conversations: dict[str, list[Conversation]] = {}
        self._connected = 0

    async def join(self, address: list[Any], population: str) -> dict[str, Any]:
        """Name the relay and the people."""
        self._address = (str(address[0]), int(address[1]))
        self._population = Population.load(Path(population))
        return {"people": len(self._population.people)}

    async def talk(
        self, name: str, payload: int, own: bool = False, acknowledge_every: int = 0, count: int | None = None
    ) -> dict[str, Any]:
        """Have everybody in the first ``count`` conversations of a name connected and listening.

        With ``own``, writers listen to their logs too, as tacit's own clients do; with ``acknowledge_every``, readers
        say so often what they have.
        """
        talks = self._population.talks[name][:count]
        began = time.perf_counter()
        await self._connect(who for talk in talks for who in (talk.writer, *talk.readers))
        connected_s = time.perf_counter() - began
        made: list[Conversation] = []
        listening: list[Awaitable[None]] = []
        for talk in talks:
            writer = self._devices[talk.writer]
            conversation = Conversation(writer, len(talk.readers))
            writer.prepare(conversation, talk.log_id, os.urandom(payload))
            made.append(conversation)
            listening += [
                self._devices[reader].listen([talk.log_id], [conversation], acknowledge_every=acknowledge_every)
                for reader in talk.readers
            ]
            if own:
                listening.append(writer.listen([talk.log_id], [None], acknowledge_every=acknowledge_every))
        await _some_at_once(listening)
        self._conversations[name] = made
        return {"connections": len(self._devices), "connected_s": connected_s}

    async def chat(self, name: str, address: list[Any], domain: str, pairs: int, payload: int) -> dict[str, Any]:
        """Have so many pairs of users registered at a server of others and connected."""
        began = time.perf_counter()
        where = (str(address[0]), int(address[1]))
        made: list[Conversation] = []

        async def pair(number: int) -> None:
            writer, reader = [
                await Stream.connect(f"{role}{number}", domain, where, self._tls_of_others) for role in ("w", "r")
            ]
            reader.reads = Conversation(writer, 1)
            await writer.prepare(reader.reads, reader.address, payload)
            self._streams += (writer, reader)
            made.append(reader.reads)

        await _some_at_once(pair(number) for number in range(pairs))
        self._conversations[name] = made
        return {"connections": len(self._streams), "connected_s": time.perf_counter() - began}

    async def closed(
        self, name: str, window: int, seconds: float, warm_s: float = 1.0, pids: Sequence[int] = ()
    ) -> dict[str, Any]:
        """Run conversations in a closed loop."""
        told = await closed_loop(self._conversations[name], window, warm_s, seconds, pids)
        return told | {"refused": self._refused()}

    async def paced(
        self, name: str, rate: float, seconds: float, warm_s: float = 1.0, pids: Sequence[int] = ()
    ) -> dict[str, Any]:
        """Run conversations at a fixed rate."""
        told = await open_loop(self._conversations[name], rate, warm_s, seconds, pids)
        return told | {"refused": self._refused()}

    async def idle(self, name: str, first: int = 0, count: int | None = None, at_once: int = AT_ONCE) -> dict[str, Any]:
        """Have the people of these conversations logged in, each listening to it and to its own inbox."""
        logs = self._logs_of(name, first, count)
        began = time.perf_counter()
        await self._connect(logs, at_once)
        connected_s = time.perf_counter() - began
        await _some_at_once(self._devices[who].listen(logs[who], [None] * len(logs[who])) for who in logs)
        return {"connections": len(self._devices), "connected_s": connected_s}

    async def catch(self, name: str, entries: int, at_once: int = AT_ONCE) -> dict[str, Any]:
        """Have the people of these conversations log in and read what waits for them."""
        logs = self._logs_of(name, 0, None)
        began = time.perf_counter()

        async def read(who: int) -> None:
            await self._connect([who])
            got = await self._devices[who].catch_up(logs[who])
            if got != entries:
                raise DeviceLost(f"{got} entries came, and {entries} were there")

        await _some_at_once((read(who) for who in logs), at_once)
        return {"connections": len(self._devices), "seconds": time.perf_counter() - began}

    async def total(self) -> dict[str, Any]:
        """What has been sent, and how many connections stand."""
        sent = sum(conversation.sent for made in self._conversations.values() for conversation in made)
        return {"sent": sent, "connected": sum(device.is_connected for device in self._devices.values())}

    async def leave(self) -> dict[str, Any]:
        """Close every connection."""
        everybody: list[Device | Stream] = [*self._devices.values(), *self._streams]
        for one in everybody:
            one.leave()
        self._devices.clear()
        self._streams.clear()
        self._conversations.clear()
        await asyncio.sleep(0)
        return {"left": len(everybody)}

    def _logs_of(self, name: str, first: int, count: int | None) -> dict[int, list[bytes]]:
        """For everybody in these conversations its inbox and the conversation."""
        talks = self._population.talks[name][first : None if count is None else first + count]
        people = self._population.people
        return {who: [people[who].device_id, talk.log_id] for talk in talks for who in (talk.writer, *talk.readers)}

    async def _connect(self, people: Iterable[int], at_once: int = AT_ONCE) -> None:
        async def connect(who: int) -> None:
            source = f"127.0.0.{1 + self._connected // PER_SOURCE}"
            self._connected += 1
            self._devices[who] = await Device.connect(self._population.people[who], self._address, self._tls, source)

        await _some_at_once((connect(who) for who in dict.fromkeys(people) if who not in self._devices), at_once)

    def _refused(self) -> dict[str, int]:
        """What the relay would not do since the last time, by code."""
        found: dict[str, int] = {}
        everybody: list[Device | Stream] = [*self._devices.values(), *self._streams]
        for one in everybody:
            for code, count in one.refused.items():
                found[code] = found.get(code, 0) + count
            one.refused.clear()
        return found


async def _some_at_once(works: Iterable[Awaitable[None]], at_once: int = AT_ONCE) -> None:
    """Do all of it, so many at a time; the first that fails ends it."""
    waiting = iter(works)

    async def worker() -> None:
        for work in waiting:
            await work

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())


async def main() -> None:
    """Answer requests until standard input ends."""
    requests = asyncio.StreamReader(limit=1 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    load = Load()
    while line := await requests.readline():
        request = json.loads(line)
        try:
            answer = await getattr(load, request.pop("op"))(**request)
        except* (DeviceLost, OSError, TimeoutError) as errors:
            answer = {"error": _first(errors)}
        print(json.dumps(answer), flush=True)
    await load.leave()


def _first(errors: BaseExceptionGroup[BaseException]) -> str:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__


def _prepare_process() -> None:
    """Take as many files as there may be, and no pauses for garbage: nothing here is cyclic in bulk."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.disable()


if __name__ == "__main__":
    _prepare_process()
    uvloop.run(main())
