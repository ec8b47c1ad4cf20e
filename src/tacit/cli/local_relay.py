"""The relay that ``tacit up`` needs on this machine: the one that already runs here, or a child of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from tacit.cli.home import LOOPBACK, Home, load_address, load_home, public_host, save_home, with_host
from tacit.cli.relay_process import RelayNotStarted, relay_process
from tacit.cli.settings import Settings

PORTS_TRIED: Final = 20
"""How many ports after the first are tried when it is taken."""


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
    """Have a relay on this machine while the block lasts."""
    home = load_home(settings)
    host = public_host(settings, home)
    async with AsyncExitStack() as stack:
        for port in _ports(settings, home):
            child = relay_process(
                settings.relay_dir,
                host=settings.serve.host,
                port=port,
                public_host=host,
                options=["--registration", settings.serve.registration, "--retention", settings.serve.retention],
                log=None,
            )
            try:
                relay = await stack.enter_async_context(child)
            except RelayNotStarted as error:
                address = load_address(settings)
                if error.cause_code == "already-running" and address is not None:
                    yield _running(settings, home, address.link, address.port)
                    return
                if error.cause_code != "cannot-listen" or port == _ports(settings, home)[-1]:
                    raise
                continue
            yield _started(settings, home, relay.link, relay.port)
            return


def _ports(settings: Settings, home: Home) -> list[int]:
    """The ports to try: only the known one when links that people hold name it."""
    if home.port:
        return [home.port]
    first = settings.serve.port
    return [first] if first == 0 else [port for port in range(first, first + PORTS_TRIED) if port <= 65535]


def _started(settings: Settings, home: Home, link: str, port: int) -> LocalRelay:
    notes = [f"A relay runs here now, on port {port}; it ends with this window. tacit serve keeps one running."]
    if not home.port and settings.serve.port not in (0, port):
        notes.insert(0, f"Port {settings.serve.port} is taken, so the relay uses {port}.")
    _remember(settings, home, port)
    return LocalRelay(with_host(link, LOOPBACK), own=True, notes=tuple(notes))


def _running(settings: Settings, home: Home, link: str, port: int) -> LocalRelay:
    _remember(settings, home, port)
    return LocalRelay(
        with_host(link, LOOPBACK), own=False, notes=(f"The relay that runs here on port {port} is used.",)
    )


def _remember(settings: Settings, home: Home, port: int) -> None:
    named = settings.serve.public_host or home.public_host
    if (port, named) != (home.port, home.public_host):
        save_home(settings, Home(port=port, public_host=named, profiles=home.profiles))
