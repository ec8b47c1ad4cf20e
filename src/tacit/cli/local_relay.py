"""The relay that ``tacit up`` needs on this machine: the one that already runs here, or a child of its own."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final

from msgspec import structs

from tacit.cli.home import LOOPBACK, Home, load_address, load_home, public_host, save_home, with_host
from tacit.cli.relay_process import RelayNotStarted, RelayProcess, relay_process
from tacit.cli.running import say
from tacit.cli.settings import Settings
from tacit.errors import ExitCode, TacitError
from tacit.net.binding import can_listen
from tacit.ui.patience import patiently

RESTART_S: Final = 1.0
"""Pause before a relay that died is started again."""

PORTS_TRIED: Final = 20
"""How many ports after the first are tried when it is taken."""


class PortTaken(TacitError):
    """Another program holds the port that the links of this relay name."""

    code = "port-taken"
    exit_code = ExitCode.NETWORK
    hint = "End that program: at another port nobody would find this relay."


@dataclasses.dataclass(frozen=True, slots=True)
class LocalRelay:
    """The relay of this machine, running."""

    link: str
    """Its link as identities of this machine use it, at 127.0.0.1."""
    own: bool
    """It is a child of this process and ends with it."""
    notes: tuple[str, ...]
    """What a person should know about how it was started."""


@asynccontextmanager
async def local_relay(settings: Settings) -> AsyncIterator[LocalRelay]:
    """Have a relay on this machine while the block lasts; a child that dies is started again at the same port."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[LocalRelay] = loop.create_future()
    keeping = asyncio.create_task(_keep(settings, found))
    try:
        started: list[asyncio.Future[Any]] = [found, keeping]
        await patiently(asyncio.wait(started, return_when=asyncio.FIRST_COMPLETED), "Starting a relay.", say)
        if not found.done():
            keeping.result()
        yield found.result()
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def _keep(settings: Settings, found: asyncio.Future[LocalRelay]) -> None:
    """Run a relay as a child again and again, and say in ``found`` how it was started first."""
    while True:
        async with AsyncExitStack() as stack:
            home = load_home(settings)
            child = await _start(stack, settings, home)
            if not found.done():
                found.set_result(_adopted(settings, home) if child is None else _started(settings, home, child))
            if child is None:
                return
            await child.wait()
            await asyncio.sleep(RESTART_S)


async def _start(stack: AsyncExitStack, settings: Settings, home: Home) -> RelayProcess | None:
    """Start a child at the first port that works; None when a relay runs here already."""
    refused = RelayNotStarted("no port is free")
    async for port in _ports(settings, home):
        child = relay_process(
            settings.relay_dir,
            host=settings.serve.host,
            port=port,
            public_host=public_host(settings, home),
            options=["--registration", settings.serve.registration, "--retention", settings.serve.retention],
        )
        try:
            return await stack.enter_async_context(child)
        except RelayNotStarted as error:
            if error.cause_code == "already-running":
                return None
            if error.cause_code != "cannot-listen":
                raise
            refused = error
    raise PortTaken(f"{home.port}") if home.port else refused


async def _ports(settings: Settings, home: Home) -> AsyncIterator[int]:
    """The ports to try: only the known one when links that people hold name it, else those that seem free."""
    first = home.port or settings.serve.port
    if home.port or first == 0:
        yield first
        return
    for port in range(first, min(first + PORTS_TRIED, 65536)):
        if await can_listen(settings.serve.host, port):
            yield port


def _started(settings: Settings, home: Home, relay: RelayProcess) -> LocalRelay:
    notes = [f"A relay runs here now, on port {relay.port}; it ends with this window. tacit serve keeps one running."]
    if not home.port and settings.serve.port not in (0, relay.port):
        notes.insert(0, f"Port {settings.serve.port} is taken, so the relay uses {relay.port}.")
    _remember(settings, home, relay.port)
    return LocalRelay(with_host(relay.link, LOOPBACK), own=True, notes=tuple(notes))


def _adopted(settings: Settings, home: Home) -> LocalRelay:
    address = load_address(settings)
    if address is None:
        raise RelayNotStarted("one runs here, but it does not say where")
    _remember(settings, home, address.port)
    note = f"The relay that runs here on port {address.port} is used."
    return LocalRelay(with_host(address.link, LOOPBACK), own=False, notes=(note,))


def _remember(settings: Settings, home: Home, port: int) -> None:
    named = settings.serve.public_host or home.public_host
    if (port, named) != (home.port, home.public_host):
        save_home(settings, structs.replace(load_home(settings), port=port, public_host=named))
