"""A real relay: its own store, its own threads, and links in memory unless a story asks for real ones.

Stopping and starting it again is a restart into the same data; ``crash`` is a restart without a goodbye.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tacit.clock import Clock
from tacit.entropy import Entropy
from tacit.net import connect
from tacit.net.errors import ConnectionRefused
from tacit.net.links import FrameLink
from tacit.net.memory import MemoryLink, memory_pair
from tacit.relay.config import Registration, RelayConfig
from tacit.relay.server import Relay
from tacit.relay.store.writer import Job
from tacit.testing.clock import world_loop
from tacit.testing.crashes import copy_profile, replace_profile
from tacit.testing.wires import Wire, Wires

HOST = "relay.test"
LOOPBACK: Final = "127.0.0.1"
MEMORY: Final = "memory"
DIAL_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Where:
    host: str
    port: int
    scheme: str


class WorldRelay:
    """The one relay of a world."""

    def __init__(
        self,
        data_dir: Path | None,
        clock: Clock,
        entropy: Entropy,
        *,
        registration: Registration = "open",
        transport: str = MEMORY,
    ) -> None:
        self._config = RelayConfig(
            data_dir,
            host=LOOPBACK,
            port=0 if transport == "ws" else None,
            grpc_port=0 if transport == "grpc" else None,
            tcp_port=0 if transport == "tcp" else None,
            public_host=HOST,
            public_port=8765,
            registration=registration,
        )
        self._transport = transport
        self._wires = Wires()
        self._dialing = asyncio.Lock()
        self._arriving: Wire | None = None
        self._clock = clock
        self._entropy = entropy
        self._relay: Relay | None = None
        self._serving: dict[asyncio.Task[None], MemoryLink] = {}

    @property
    def relay(self) -> Relay:
        """The running relay; raises ``ConnectionRefused`` while there is none."""
        if self._relay is None:
            raise ConnectionRefused
        return self._relay

    @property
    def link(self) -> str:
        """The relay link that people paste."""
        return self.relay.link()

    async def start(self) -> None:
        """Start, or start again."""
        relay = Relay(self._config, self._clock, self._entropy)
        if self._transport != MEMORY:
            world_loop().is_waiting = lambda: self._wires.is_busy
            relay.handle = partial(self._take, relay.handle)  # type: ignore[method-assign]  # to count at this end, too
        await relay.start()
        _one_write_at_a_time(relay)
        self._relay = relay

    async def stop(self) -> None:
        """Stop cleanly: clients are told, everything is on the disk."""
        relay, self._relay = self._relay, None
        if relay is not None:
            async with self._wires.held():
                await relay.stop()
            await asyncio.gather(*self._serving)

    def back_up(self) -> Path:
        """Copy the data of a relay that is stopped."""
        return copy_profile(self._data_dir(), self._data_dir().with_name("relay-backup"))

    def restore(self, backup: Path) -> None:
        """Put a copy in the place of the data of a relay that is stopped."""
        replace_profile(self._data_dir(), backup)

    async def crash(self) -> None:
        """Lose every connection without a word, then stop; what was not acknowledged may or may not be there."""
        for link in self._serving.values():
            link.abort()
        self._wires.abort()
        await self.stop()

    async def dial(self) -> FrameLink:
        """Open a link to the relay; ``ConnectionRefused`` while it is down."""
        relay = self.relay
        if self._transport != MEMORY:
            return await self._dial_for_real(relay)
        client_end, relay_end = memory_pair()
        serving = asyncio.create_task(relay.handle(relay_end), name="relay-connection")
        self._serving[serving] = relay_end
        serving.add_done_callback(lambda done: self._serving.pop(done, None))
        return client_end

    async def _dial_for_real(self, relay: Relay) -> FrameLink:
        """One after the other, so that each end knows the other."""
        async with self._dialing, self._wires.held():
            wire = self._arriving = self._wires.add()
            try:
                link = await connect(_Where(LOOPBACK, relay.port, self._transport), timeout_s=DIAL_TIMEOUT_S)
                await wire.met.wait()
            except BaseException:
                self._wires.forget(wire)
                raise
            return wire.take_client(link)

    async def _take(self, handle: Callable[[FrameLink], Awaitable[None]], link: FrameLink) -> None:
        if self._arriving is None:
            raise RuntimeError("nobody has dialled")
        await handle(self._arriving.take_relay(link))

    def _data_dir(self) -> Path:
        if self._config.data_dir is None:
            raise ValueError("this relay keeps everything in memory")
        return self._config.data_dir


def _one_write_at_a_time(relay: Relay) -> None:
    """Stop the world while the relay's writer thread works, so that one seed gives one order of events."""
    context = relay._context  # nothing else can say when the thread has work
    if context is None:
        raise RuntimeError("the relay has not been started")
    writer, loop = context.store._writer, world_loop()
    submit = writer.submit

    def submit_and_wait(jobs: list[Job]) -> None:
        loop.wait_for_thread(lambda: submit(jobs))

    writer.submit = submit_and_wait  # type: ignore[method-assign]  # the one place where real threads meet the world
