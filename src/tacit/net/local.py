"""Lines over a Unix socket: what a relay hears from programs on its machine. How they ask is in ``local_asking``.

Who may connect is decided by the mode of the socket's file and of its folder. A line is opaque bytes without a line
feed; each gets one line in answer.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from tacit.log import EventLog
from tacit.net.local_asking import address_of

Serve = Callable[[bytes], Awaitable[bytes]]

MAX_CONNECTIONS: Final = 16
"""At once on one socket; a further one is closed."""

LINE_TIMEOUT_S: Final = 10.0
"""How long a line may take to arrive, and an answer to be taken."""

CLOSE_TIMEOUT_S: Final = 1.0
"""How long what is being answered may take once the socket is closed."""

_BACKLOG: Final = 16


class LocalListener:
    """A Unix socket that answers lines."""

    def __init__(self, path: Path, serve: Serve, max_line_bytes: int) -> None:
        self._path = path
        self._serve = serve
        self._max_line_bytes = max_line_bytes
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self._busy: set[asyncio.Task[None]] = set()
        self._closing = False
        self._log = EventLog("net")

    @classmethod
    async def open(cls, path: Path, serve: Serve, *, mode: int, max_line_bytes: int) -> LocalListener:
        """Listen in the place of a socket that whoever listened there has left.

        Raises ``OSError``: ``EADDRINUSE`` while somebody listens there, and another for a path that is too long for
        this system.
        """
        listener = cls(path, serve, max_line_bytes)
        listener._server = await asyncio.start_unix_server(
            listener._take, sock=_listening(path, mode), limit=max_line_bytes
        )
        return listener

    async def close(self) -> None:
        """Stop listening, take the file away, and see what is being answered to its end."""
        self._closing = True
        if self._server is not None:
            # asyncio loses a connection that it has accepted when its server is closed before the next turn.
            for listening in self._server.sockets:
                asyncio.get_running_loop().remove_reader(listening)
            await asyncio.sleep(0)
            self._server.close()
            self._path.unlink(missing_ok=True)
        for talk in self._talks - self._busy:
            talk.cancel()
        if self._talks:
            _, late = await asyncio.wait(self._talks, timeout=CLOSE_TIMEOUT_S)
            for talk in late:
                talk.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await asyncio.sleep(0)  # the socket of a talk that has ended goes in the next turn

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self._closing or len(self._talks) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._talks.add(task)
        # Nothing is left over once ``drain`` returns: who does not read would keep a closed connection, and its answer.
        writer.transport.set_write_buffer_limits(high=0)
        try:
            while not self._closing:
                async with asyncio.timeout(LINE_TIMEOUT_S):
                    line = await reader.readline()
                if not line.endswith(b"\n"):
                    break
                self._busy.add(task)
                await self._answer(line[:-1], writer)
                self._busy.discard(task)
        except (OSError, TimeoutError, ValueError):
            pass  # gone, too slow, or a line that is too long
        except asyncio.CancelledError:
            # By ``close`` and nobody else. Python 3.11 prints a traceback for a talk that ends as cancelled.
            pass
        except Exception as error:  # noqa: BLE001 - one talk's fault must not end the relay
            self._log.warning("local-talk-failed", error=type(error).__name__)
        finally:
            self._talks.discard(task)
            self._busy.discard(task)
            writer.transport.abort()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(await self._serve(line) + b"\n")
        async with asyncio.timeout(LINE_TIMEOUT_S):
            await writer.drain()


def _listening(path: Path, mode: int) -> socket.socket:
    """A socket that nobody could connect to before it had its mode, put in the place of an earlier one."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with address_of(unfinished) as address:
            bound.bind(address)
        try:
            unfinished.chmod(mode)
            bound.listen(_BACKLOG)
            _check_left(path)
            unfinished.rename(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    except BaseException:
        bound.close()
        raise
    bound.setblocking(False)
    return bound


def _check_left(path: Path) -> None:
    """See that what lies in the place of a socket is nothing, or a socket that nobody listens at."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise FileExistsError(errno.EEXIST, "that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking, address_of(path) as address:
        asking.setblocking(False)
        try:
            asking.connect(address)
        except ConnectionRefusedError:
            return
        except BlockingIOError:
            pass  # it has more to do than it can
    raise OSError(errno.EADDRINUSE, "somebody listens there")
