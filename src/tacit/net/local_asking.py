"""Asks a relay on this machine: one line to a Unix socket, one line in answer. Loads no event loop."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tacit.net.errors import LocalClosed, LocalForbidden, LocalTimeout, LocalUnreachable

MAX_PATH_BYTES: Final = 100
"""What every system's address of a Unix socket has room for; Linux takes 107, others 103."""

_OWN_FOLDER: Final = Path("/proc/self/fd")


def ask_line(path: Path, line: bytes, *, timeout_s: float, max_answer_bytes: int) -> bytes:
    """Say one line to a socket and return its answer; waits, so nothing for an event loop.

    Raises ``LocalUnreachable`` when nobody listens there, ``LocalForbidden``, ``LocalTimeout`` or ``LocalClosed``.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(timeout_s)
        try:
            with address_of(path) as address:
                asking.connect(address)
        except PermissionError:
            raise LocalForbidden from None
        except OSError as error:
            raise LocalUnreachable from error
        try:
            asking.sendall(line + b"\n")
            return _read_line(asking, max_answer_bytes)
        except TimeoutError:
            raise LocalTimeout from None
        except OSError as error:
            raise LocalClosed from error


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """The path in a form that has room in a socket's address; by its folder's descriptor where it is too long."""
    if len(os.fsencode(path)) <= MAX_PATH_BYTES:
        yield str(path)
        return
    # As a place only, where the system can: whoever asks may enter the folder, but perhaps not list it.
    folder = os.open(path.parent, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        near = _OWN_FOLDER / str(folder) / path.name
        if not near.parent.exists() or len(os.fsencode(near)) > MAX_PATH_BYTES:
            raise OSError("the path of the folder is too long for a Unix socket")
        yield str(near)
    finally:
        with suppress(OSError):
            os.close(folder)


def _read_line(asking: socket.socket, max_bytes: int) -> bytes:
    found = bytearray()
    while not found.endswith(b"\n"):
        piece = asking.recv(65536)
        if not piece or len(found) > max_bytes:
            raise LocalClosed
        found += piece
    return bytes(found[:-1])
