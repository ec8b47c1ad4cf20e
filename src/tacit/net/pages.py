"""A few plain pages over HTTP for programs of the same machine, such as a monitoring system.

No encryption, no names, no bodies: whoever comes asks for a page of the few there are, has a few seconds for it, and is
gone. A page that a browser shows could be made to fetch these under a name of its own that points here, so a Host that
could be somebody else's name is refused.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias, cast

from aiohttp import web

from tacit.log import EventLog
from tacit.net.binding import bind
from tacit.net.requests import small_requests

DEADLINE_S: Final = 10.0
"""From the connection to the last byte of the page; it is then cut off."""

MAX_CONNECTIONS: Final = 16
"""With each further one the oldest is cut off, so that nobody who holds some keeps the others out."""

SPARE_DESCRIPTORS: Final = 4
"""Kept open for nothing, and given up when a process that may open no more files is asked how it is."""

ACCEPT_PAUSE_S: Final = 0.02
"""How long nobody is taken in when those are used up, too, and the oldest connection makes room."""

MAX_HEADERS: Final = 32


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered."""

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200


Pages: TypeAlias = Mapping[str, Callable[[str], Awaitable[Page]]]
"""By path; each is called with the Accept header of who asks."""


async def serve_pages(pages: Pages, host: str, port: int, names: Collection[str] = ()) -> PageListener:
    """Listen; ``names`` are those under which this machine may be asked besides addresses. Raises ``CannotListen``."""
    listener = PageListener(pages, {name.lower() for name in (host, *names)})
    await listener.open(host, port)
    return listener


class PageListener:
    """The listener that ``serve_pages`` opens."""

    def __init__(self, pages: Pages, names: Collection[str]) -> None:
        self._pages = pages
        self._names = names
        self._log = EventLog("net")
        self._http = web.Server(self._answer)
        self._listening: socket.socket | None = None
        self._paused: asyncio.TimerHandle | None = None
        self._spare = _Spare()
        self._is_short = False
        self._asking: dict[_Connection, None] = {}
        self._beginning: set[asyncio.Task[Any]] = set()
        self.port = 0

    async def open(self, host: str, port: int) -> None:
        """Bind the port and start to accept."""
        bound = await bind(host, port)
        self.port = int(bound.getsockname()[1])
        bound.setblocking(False)
        self._listening = bound
        self._spare.refill()
        self._listen()

    async def close(self) -> None:
        """Stop listening and cut off who is still there."""
        if self._listening is None:
            return
        if self._paused is not None:
            self._paused.cancel()
        listening, self._listening = self._listening, None
        asyncio.get_running_loop().remove_reader(listening.fileno())
        listening.close()
        await asyncio.gather(*self._beginning, return_exceptions=True)
        for connection in tuple(self._asking):
            connection.cut_off()
        await self._http.shutdown(0)
        self._spare.give_up()

    def _listen(self) -> None:
        if self._listening is not None:
            asyncio.get_running_loop().add_reader(self._listening.fileno(), self._accept, self._listening)

    def _accept(self, listening: socket.socket) -> None:
        """Take one connection in, if need be at the price of a spare descriptor."""
        loop = asyncio.get_running_loop()
        try:
            accepted = self._spare.accept(listening)
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            if not self._is_short:
                self._is_short = True
                self._log.warning("no-descriptors", error=errno.errorcode.get(error.errno or 0, ""))
            # A socket that cannot be accepted would be announced again and again.
            loop.remove_reader(listening.fileno())
            self._paused = loop.call_later(ACCEPT_PAUSE_S, self._listen)
            if self._asking:
                next(iter(self._asking)).cut_off()
            return
        self._is_short = False
        accepted.setblocking(False)
        beginning = loop.create_task(loop.connect_accepted_socket(self._connection, accepted))
        self._beginning.add(beginning)
        beginning.add_done_callback(partial(self._begun, accepted))

    def _begun(self, accepted: socket.socket, beginning: asyncio.Task[Any]) -> None:
        self._beginning.discard(beginning)
        if beginning.cancelled() or beginning.exception() is not None:
            accepted.close()

    def _connection(self) -> _Connection:
        return _Connection(self._http, self._asking, self._spare.refill)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        page = await self._page(request)
        response = web.Response(status=page.status, body=page.body, headers={"Content-Type": page.content_type})
        response.headers.update({"Server": "tacit", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
        response.force_close()
        return response

    async def _page(self, request: web.BaseRequest) -> Page:
        if not names_us(request.headers.get("Host", ""), self._names):
            return Page(b"not under that name\n", status=421)
        make = self._pages.get(request.path)
        if make is None:
            return Page(b"not found\n", status=404)
        if request.method not in {"GET", "HEAD"} or request.body_exists:
            return Page(b"only to be read\n", status=405)
        try:
            return await make(request.headers.get("Accept", ""))
        except Exception as error:  # noqa: BLE001 - a page's fault must not end the listener, nor tell what it met
            self._log.warning("page-failed", error=type(error).__name__)
            return Page(b"internal error\n", status=500)


def names_us(host: str, names: Collection[str]) -> bool:
    """Whether a Host header names this machine and could not be somebody else's name for it.

    An address is what it is; a name without a dot is one of this machine or of its own network, since nobody can own
    such a name elsewhere.
    """
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    name = name.lower()
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return bool(name) and ("." not in name or name in names)
    return True


class _Spare:
    """Descriptors that are open for nothing."""

    def __init__(self) -> None:
        self._held: list[int] = []
        self._wanted = SPARE_DESCRIPTORS

    def refill(self) -> None:
        """Take what is missing, if the process may open that many."""
        with suppress(OSError):
            while len(self._held) < self._wanted:
                self._held.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))

    def give_up(self) -> None:
        """Close them all, for good."""
        self._wanted = 0
        while self._held:
            os.close(self._held.pop())

    def accept(self, listening: socket.socket) -> socket.socket:
        """Accept a connection. Raises ``OSError``."""
        while True:
            try:
                return listening.accept()[0]
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE) or not self._held:
                    raise
            # Nothing else runs in this thread until the next round has taken its place.
            os.close(self._held.pop())


class _Connection(web.RequestHandler):
    """One accepted connection, with one deadline and small headers."""

    __slots__ = ("_asking", "_deadline", "_gone")

    def __init__(self, http: web.Server, asking: dict[_Connection, None], gone: Callable[[], None]) -> None:
        super().__init__(
            http,
            loop=asyncio.get_running_loop(),
            **small_requests(MAX_HEADERS),
        )
        self._asking = asking
        self._gone = gone
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the deadline, and make room."""
        super().connection_made(transport)
        self._deadline = asyncio.get_running_loop().call_later(DEADLINE_S, cast(asyncio.Transport, transport).abort)
        self._asking[self] = None
        if len(self._asking) > MAX_CONNECTIONS:
            next(iter(self._asking)).cut_off()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the deadline."""
        self._asking.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)
        # The socket is closed behind this call.
        asyncio.get_running_loop().call_soon(self._gone)

    def cut_off(self) -> None:
        """End at once."""
        self._asking.pop(self, None)
        if self.transport is not None:
            self.transport.abort()

    def handle_error(self, request: web.BaseRequest, status: int = 500, *_: Any, **__: Any) -> web.StreamResponse:
        """Answer what is no request; aiohttp would quote it."""
        response = web.Response(status=status, text="bad request\n", headers={"Server": "tacit"})
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing: aiohttp's words hold peers' addresses."""
