"""Attacks from processes of their own, and what they cost the relay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil

from tests.processes.programs import Program, Relay

ATTACKER = "127.0.0.66"
LASTS_S = 1.5


class Attack:
    """An attack under way; ``ends`` waits for what it came to."""

    def __init__(self, program: Program, relay: Relay) -> None:
        self._program = program
        self._relay = psutil.Process(relay.running.pid)
        self._began_s = self._cpu_s()

    def _cpu_s(self) -> float:
        times = self._relay.cpu_times()
        return float(times.user + times.system)

    async def ends(self) -> tuple[dict[str, int], float]:
        """What the attacker counted, and the relay's processor seconds meanwhile."""
        return await self._program.line_async(), self._cpu_s() - self._began_s


@asynccontextmanager
async def attacked(
    relay: Relay, name: str, *frames: bytes, source: str = ATTACKER, port: int = 0, seconds: float = LASTS_S
) -> AsyncIterator[Attack]:
    """One of those that know nothing of tacit, from an address; see ``attacker``."""
    said = (frame.hex() for frame in frames)
    with Program(
        *(name, str(port or relay.port), str(seconds), source, *said), module="tests.relay.hazards.attacker"
    ) as program:
        await program.line_async(lambda _: True)
        yield Attack(program, relay)


@asynccontextmanager
async def crowded(relay: Relay, name: str, *, seconds: float = LASTS_S) -> AsyncIterator[Attack]:
    """One of those by people with accounts; see ``crowd``."""
    with Program(name, str(relay.port), str(seconds), module="tests.relay.hazards.crowd") as program:
        await program.line_async(lambda _: True)
        yield Attack(program, relay)
