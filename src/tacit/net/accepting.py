"""Takes connections from a listening socket, and lets them begin TLS if their address may have one more.

Refusing one here costs an accept and a close; after TLS it would have cost a hundred times that. Whoever has been let
in and does not become a link soon makes room for others.
"""

from __future__ import annotations

import asyncio
import errno
import math
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from tacit import limits
from tacit.log import EventLog
from tacit.net.binding import is_reserved

ACCEPT_AT_ONCE: Final = 32
"""Connections taken in one turn of the event loop, so that a storm of them does not hold everybody up."""

ACCEPT_PAUSE_S: Final = 0.5
"""How long no connection is taken when the process may open no more files."""

QUIET_S: Final = 60.0
"""How long there must have been enough descriptors before the log tells again that there are not."""

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Door(Protocol):
    """Who may come in, by address; an empty one is unknown."""

    def enter(self, address: str) -> bool:
        """Count a connection from there; false when it is one too many."""
        ...

    def leave(self, address: str) -> None:
        """Note that a connection which was let in has ended."""
        ...


class OpenDoor:
    """Lets everybody in."""

    def enter(self, address: str) -> bool:
        """Let them in."""
        return True

    def leave(self, address: str) -> None:
        """Let them go."""


class Visit(asyncio.Protocol):
    """A connection that was let in, from TCP's handshake on."""

    def cut_off(self) -> None:
        """End it now, if TLS stands already."""
        raise NotImplementedError

    def ended(self) -> None:
        """Take note that the connection has ended, or has never become one."""
        raise NotImplementedError


class Acceptor:
    """One listening socket; ``begin`` makes the protocol of a connection from an address."""

    def __init__(
        self,
        listening: socket.socket,
        begin: Callable[[str], Visit],
        may_enter: Callable[[str], bool],
        tls: ssl.SSLContext,
        *,
        handshake_timeout_s: float,
        shutdown_timeout_s: float,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listening = listening
        self._begin = begin
        self._may_enter = may_enter
        self._tls = tls
        self._handshake_timeout_s = handshake_timeout_s
        self._shutdown_timeout_s = shutdown_timeout_s
        self._visits: dict[Visit, asyncio.Task[object]] = {}
        self._paused: asyncio.TimerHandle | None = None
        self._short_at_s = -math.inf
        self._log = EventLog("net")

    @property
    def port(self) -> int:
        """The port that it has."""
        return int(self._listening.getsockname()[1])

    def start(self) -> None:
        """Begin to take connections."""
        self._listening.setblocking(False)
        self._loop.add_reader(self._listening.fileno(), self._accept)

    async def close(self) -> None:
        """Take no more, and cut off whoever has not become a link."""
        if self._paused is not None:
            self._paused.cancel()
        self._loop.remove_reader(self._listening.fileno())
        self._listening.close()
        tasks = list(self._visits.values())
        for visit in tuple(self._visits):
            self._cut_off(visit)
        await asyncio.gather(*tasks, return_exceptions=True)

    def settled(self, visit: Visit) -> None:
        """Note that a visit has become a link, or has ended."""
        self._visits.pop(visit, None)

    def _accept(self) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                accepted, address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._pause()
                return
            if is_reserved(accepted.fileno()):
                accepted.close()
                self._make_room()
            elif self._may_enter(address[0]):
                self._welcome(accepted, address[0])
            else:
                accepted.close()

    def _pause(self) -> None:
        """Wait for descriptors: a socket that cannot be accepted would be announced again and again."""
        self._make_room()
        self._loop.remove_reader(self._listening.fileno())
        self._paused = self._loop.call_later(ACCEPT_PAUSE_S, self.start)

    def _make_room(self) -> None:
        """Let the next one in the place of whoever has dawdled longest; the log tells it once, until it is over."""
        if self._loop.time() - self._short_at_s > QUIET_S:
            self._log.warning("no-descriptors")
        self._short_at_s = self._loop.time()
        if self._visits:
            self._cut_off(next(iter(self._visits)))

    def _welcome(self, accepted: socket.socket, address: str) -> None:
        accepted.setblocking(False)
        visit = self._begin(address)
        handshake = self._loop.connect_accepted_socket(
            lambda: visit,
            accepted,
            ssl=self._tls,
            ssl_handshake_timeout=self._handshake_timeout_s,
            ssl_shutdown_timeout=self._shutdown_timeout_s,
        )
        task = self._visits[visit] = self._loop.create_task(handshake)
        task.add_done_callback(partial(_shook_hands, accepted, visit))
        if len(self._visits) > limits.MAX_STRANGERS:
            self._cut_off(next(iter(self._visits)))

    def _cut_off(self, visit: Visit) -> None:
        self._visits.pop(visit).cancel()
        visit.cut_off()


def _shook_hands(accepted: socket.socket, visit: Visit, handshake: asyncio.Task[object]) -> None:
    """A peer that speaks no TLS, or was cut off before it did, is no connection and never will be."""
    if handshake.cancelled() or handshake.exception() is not None:
        accepted.close()
        visit.ended()
