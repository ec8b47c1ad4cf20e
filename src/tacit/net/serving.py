"""The links of one listener: each has its handler, its clock, and an end that is seen to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol

from tacit.log import EventLog
from tacit.net.accepting import Acceptor, Door, Visit
from tacit.net.binding import bind
from tacit.net.bounds import Bounds
from tacit.net.errors import LinkClosed
from tacit.net.links import CloseCode, FrameLink

Handler = Callable[[FrameLink], Awaitable[None]]

CLOSE_TIMEOUT_S: Final = 2.0
"""How long a goodbye may take before the connection is cut."""

QUIET_TICKS_TO_END: Final = 6
"""Of the listener's clock, without a byte from the other side."""

TICKS_AT_ONCE: Final = 64
"""Links that are looked after in one turn of the event loop; each may have to be pinged."""


class Listener(Protocol):
    """An open port."""

    @property
    def port(self) -> int:
        """The port that was asked for, or the one found when that was 0."""
        ...

    async def close(self) -> None:
        """Stop listening, say goodbye on every link and see their handlers ended."""
        ...


async def open_port(
    host: str,
    port: int,
    begin: Callable[[str], Visit],
    may_enter: Callable[[str], bool],
    tls: ssl.SSLContext,
    bounds: Bounds,
) -> Acceptor:
    """Bind a port; its connections are taken once that is started. Raises ``CannotListen``."""
    return Acceptor(
        await bind(host, port),
        begin,
        may_enter,
        tls,
        handshake_timeout_s=bounds.handshake_timeout_s,
        shutdown_timeout_s=CLOSE_TIMEOUT_S,
    )


class TickedLink(FrameLink, Protocol):
    """A link that leaves the time to its listener."""

    def tick(self) -> None:
        """Ask a peer that has been quiet whether it is there, and cut one off that does not say so."""
        ...


class Links:
    """Every open link of a listener, from ``begin`` to ``ended``."""

    def __init__(self, handler: Handler, door: Door, idle_timeout_s: float) -> None:
        self._handler = handler
        self._door = door
        self._tick_s = idle_timeout_s / QUIET_TICKS_TO_END
        self._handlers: dict[TickedLink, asyncio.Task[None]] = {}
        self._open: set[TickedLink] = set()
        self._all_gone = asyncio.Event()
        self._log = EventLog("net")
        self._ticking = asyncio.create_task(self._tick())

    def begin(self, link: TickedLink) -> asyncio.Task[None]:
        """Let the handler have a link; when it returns, the link is closed."""
        self._open.add(link)
        task = self._handlers[link] = asyncio.create_task(self._run(link))
        return task

    def ended(self, link: TickedLink) -> None:
        """Note that a link's connection is gone, to its last byte."""
        self._door.leave(link.peer_address)
        self._open.discard(link)
        if not self._open:
            self._all_gone.set()

    async def close(self) -> None:
        """Say goodbye on every link; handlers have ``CLOSE_TIMEOUT_S`` before they are cancelled."""
        self._ticking.cancel()
        handlers = list(self._handlers.values())
        await asyncio.gather(*(link.close("the relay is stopping", CloseCode.GOING_AWAY) for link in self._handlers))
        if handlers:
            _, late = await asyncio.wait(handlers, timeout=CLOSE_TIMEOUT_S)
            for handler in late:
                handler.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def see_them_gone(self) -> None:
        """Wait for connections that are closed already; whoever does not take the last bytes is cut off."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                while self._open:
                    self._all_gone.clear()
                    await self._all_gone.wait()
        for link in tuple(self._open):
            link.abort()

    async def _run(self, link: TickedLink) -> None:
        """Let the handler have one link, and see it closed whatever happens there."""
        try:
            await self._handler(link)
            await link.close()
        except LinkClosed:
            await link.close()
        except Exception as error:  # noqa: BLE001  # one connection's fault must not end the listener
            self._log.warning("handler-failed", error=type(error).__name__)
            await link.close("internal error", CloseCode.INTERNAL_ERROR)
        except BaseException:
            link.abort()
            raise
        finally:
            del self._handlers[link]

    async def _tick(self) -> None:
        """Find out, a few at a time, which peers are gone without a word."""
        while True:
            await asyncio.sleep(self._tick_s)
            for number, link in enumerate(tuple(self._handlers)):
                link.tick()
                if number % TICKS_AT_ONCE == 0:
                    await asyncio.sleep(0)
