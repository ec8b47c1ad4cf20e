"""Has imported what tacit needs, and forks for each start of it: ``python -m tests.processes.fork_server FD``.

Importing is nearly all that a short command does, so tests that start hundreds of them would do little else. What is
forked is a process as any other, with its own number, environment, folder, descriptors, signals and exit status: it
runs a module as ``python -m`` does and comes to the interpreter's ordinary end. No thread and no event loop exists
before a fork. Talks over a socket of messages, see ``tests.processes.forked``; ends when nobody holds its other end.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import io
import json
import os
import pkgutil
import random
import runpy
import select
import signal
import socket
import sys
import termios
import threading
import time
from typing import Any

import tacit.cli.commands
from tests.processes.forked import MOST_BYTES

WHEN_THEY_RUN = (
    "tacit.sdk.client",
    "tacit.cli.relay_server",
    "tacit.relay.server",
    "tacit.net.ws_client",
    "tacit.ui.line.face",
    "structlog",
    "uvloop",
)
"""What commands import later than at their start."""


def warm() -> None:
    """Import what any command needs, and hide it from the garbage collector, which would touch and so copy it all."""
    for module in pkgutil.iter_modules(tacit.cli.commands.__path__, "tacit.cli.commands."):
        importlib.import_module(module.name)
    for name in WHEN_THEY_RUN:
        importlib.import_module(name)
    if threading.active_count() != 1:
        raise RuntimeError("an import has started a thread, and threads do not survive a fork")
    if "coverage" in sys.modules:
        write_what_is_covered()
    gc.collect()
    gc.freeze()


def write_what_is_covered() -> None:
    """Once for all, or each forked process would write that too, which takes longer than most commands."""
    measuring = importlib.import_module("coverage").Coverage.current()
    if measuring is not None:
        measuring.stop()
        measuring.save()
        measuring.start()


class Server:
    """Forks, and tells the end of each process to whoever asked for it."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._heard, self._woken = socket.socketpair()
        self._asked: dict[int, socket.socket] = {}
        for end in (self._heard, self._woken):
            end.setblocking(False)
        signal.set_wakeup_fd(self._woken.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> dict[str, Any] | None:
        """Returns in each forked process, with what was asked for; and in this one when nobody can ask any more."""
        while True:
            ready, _, _ = select.select([self._control, self._heard], [], [])
            if self._heard in ready:
                self._heard.recv(4096)
                self._tell_ends()
            if self._control in ready:
                message, fds, _, _ = socket.recv_fds(self._control, MOST_BYTES, 4)
                if not message:
                    return None
                request: dict[str, Any] = json.loads(message)
                if self._fork(fds):
                    become(request, fds)
                    return request

    def _fork(self, fds: list[int]) -> bool:
        """Whether this is the new process; it has all descriptors but the last, which the answers go to."""
        asked = socket.socket(fileno=fds.pop())
        if (pid := os.fork()) == 0:
            asked.close()
            self._close()
            return True
        for fd in fds:
            os.close(fd)
        self._asked[pid] = asked
        _tell(asked, {"pid": pid})
        return False

    def _tell_ends(self) -> None:
        while self._asked:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self._asked.pop(pid) as asked:
                _tell(asked, {"returncode": os.waitstatus_to_exitcode(status)})

    def _close(self) -> None:
        """Let go of everything that is the server's own."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (self._control, self._heard, self._woken, *self._asked.values()):
            end.close()
        self._asked.clear()


def _tell(asked: socket.socket, value: dict[str, int]) -> None:
    with contextlib.suppress(OSError):  # who asked has gone
        asked.send(json.dumps(value).encode())


def become(request: dict[str, Any], fds: list[int]) -> None:
    """Make a forked process what a started one would be."""
    if request["new_session"]:
        os.setsid()
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    if request["terminal"]:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.path[0] = request["cwd"]
    time.tzset()
    random.seed()
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = stream_on(number, like=getattr(sys, name))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def stream_on(number: int, *, like: io.TextIOWrapper) -> io.TextIOWrapper:
    """A standard stream as the interpreter makes it, for what its descriptor is now."""
    raw = io.FileIO(number, "wb" if number else "rb", closefd=False)
    at_once = like.write_through
    buffer = io.BufferedReader(raw) if number == 0 else raw if at_once else io.BufferedWriter(raw)
    by_lines = not at_once and (number == 2 or raw.isatty())
    return io.TextIOWrapper(
        buffer, like.encoding, like.errors, newline="\n", line_buffering=by_lines, write_through=at_once
    )


if __name__ == "__main__":
    warm()
    asked_for = Server(socket.socket(fileno=int(sys.argv[1]))).serve()
    if asked_for is not None:
        sys.argv[1:] = asked_for["arguments"]
        runpy.run_module(asked_for["module"], run_name="__main__", alter_sys=True)
