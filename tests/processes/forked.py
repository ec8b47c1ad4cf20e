"""Starts Python modules of ours by forking a process that has tacit imported, in a tenth of the time of a start.

The process is a real one, see ``tests.processes.fork_server``. What is more than that, another program's child or one
with other settings of the interpreter, is started from its command line; so is whatever a test wants ``fresh``.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from subprocess import DEVNULL, PIPE
from types import TracebackType
from typing import IO, Any, Self

ROOT = Path(__file__).resolve().parents[2]

MOST_BYTES = 150_000
"""Of one request; a socket of messages carries somewhat more at once."""

READ_AT_THE_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "OPENSSL", "COVERAGE_")
"""Beginnings of the names of settings that an interpreter or a library reads once."""

ENDS_WITHIN_S = 20

_ALONE = threading.Lock()


def start(
    module: str,
    arguments: Sequence[str],
    *,
    prefix: Sequence[str] = (),
    fresh: bool = False,
    env: Mapping[str, str],
    cwd: Path | None = None,
    start_new_session: bool = False,
    **streams: Any,
) -> subprocess.Popen[Any] | Forked:
    """As ``subprocess.Popen`` for ``python -m module``, after a ``prefix`` if there is one."""
    if not prefix and not fresh:
        started = fork(module, arguments, env=env, cwd=cwd, new_session=start_new_session, **streams)
        if started is not None:
            return started
    command = [*prefix, sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, env=env, cwd=cwd, start_new_session=start_new_session, **streams)


def in_terminal(module: str, arguments: Sequence[str], terminal: int, *, env: Mapping[str, str]) -> Forked | None:
    """A forked ``python -m module`` that a terminal belongs to, by its descriptor; None where there is no forking."""
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal)
    return fork(module, arguments, env=env, new_session=True, terminal=True, **streams)


def fork(
    module: str,
    arguments: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    new_session: bool,
    terminal: bool = False,
    **streams: Any,
) -> Forked | None:
    """A process of a server whose settings it may have; None if there cannot be one."""
    if sys.platform != "linux" or (server := server_for(env)) is None:
        return None
    request = {
        "module": module,
        "arguments": list(arguments),
        "env": dict(env),
        "cwd": os.fspath(cwd or Path.cwd()),
        "new_session": new_session,
        "terminal": terminal,
    }
    message = json.dumps(request).encode()
    return Forked(server, message, **streams) if len(message) <= MOST_BYTES else None


def server_for(env: Mapping[str, str]) -> socket.socket | None:
    """The socket to the server whose processes are what that environment asks for, if there may be one.

    There may be two: the processes of one are measured for coverage, those of the other are not.
    """
    with _ALONE:
        for measured in (False, True):
            if read_at_the_start(env) == read_at_the_start(environment(measured)):
                return server(measured and "COVERAGE_PROCESS_CONFIG" in env)
    return None


def read_at_the_start(env: Mapping[str, str]) -> dict[str, str]:
    """The settings of an environment that have to be the server's own."""
    return {name: env[name] for name in env if name.startswith(READ_AT_THE_START)}


@cache
def environment(measured: bool) -> dict[str, str]:
    """This process's environment as it is at first, with what makes Python processes measure themselves or without."""
    return {name: value for name, value in os.environ.items() if measured or not name.startswith("COVERAGE_")}


@cache
def server(measured: bool) -> socket.socket:
    """The socket to a server, which is started for the first who asks; it ends with this process."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.processes.fork_server", str(its.fileno())],
            stdin=DEVNULL,
            stdout=DEVNULL,
            pass_fds=[its.fileno()],
            env=environment(measured),
            cwd=ROOT,
        )

    def end() -> None:
        ours.close()
        process.wait(ENDS_WITHIN_S)

    atexit.register(end)
    return ours


class Forked:
    """A process that a server has forked; as ``subprocess.Popen`` as far as tests use that."""

    def __init__(
        self,
        server: socket.socket,
        request: bytes,
        *,
        stdin: int | IO[Any],
        stdout: int | IO[Any],
        stderr: int | IO[Any],
        text: bool = False,
        errors: str | None = None,
    ) -> None:
        self.returncode: int | None = None
        self._lock = threading.Lock()
        self._told, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with asked, contextlib.ExitStack() as handed_over:
            given = [_given(stream, number, handed_over) for number, stream in enumerate((stdin, stdout, stderr))]
            socket.send_fds(server, [request], [*(its for its, _ in given), asked.fileno()])
        kind = "" if text else "b"
        self.stdin, self.stdout, self.stderr = (
            os.fdopen(ours, mode + kind, errors=errors) if ours is not None else None
            for (_, ours), mode in zip(given, "wrr", strict=True)
        )
        self.pid: int = self._hear()["pid"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self.wait()

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        with self._lock:
            if self.returncode is None:
                waiting = select.poll()
                waiting.register(self._told, select.POLLIN)
                if not waiting.poll(None if timeout is None else timeout * 1000):
                    raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
                self.returncode = self._hear()["returncode"]
                self._told.close()
            return self.returncode

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:  # noqa: A002 - as Popen's
        """Write, read and wait; for a process whose output goes into pipes."""
        said: dict[str, Any] = {}
        jobs = [
            threading.Thread(target=self._write, args=(input,), daemon=True),
            threading.Thread(target=self._read, args=("stdout", said), daemon=True),
            threading.Thread(target=self._read, args=("stderr", said), daemon=True),
        ]
        for job in jobs:
            job.start()
        self.wait(timeout)
        for job in jobs:
            job.join(timeout)
        return said["stdout"], said["stderr"]

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _write(self, text: Any) -> None:
        if self.stdin is not None:
            with contextlib.suppress(BrokenPipeError), self.stdin:
                if text:
                    self.stdin.write(text)

    def _read(self, name: str, said: dict[str, Any]) -> None:
        said[name] = getattr(self, name).read()

    def _hear(self) -> dict[str, int]:
        said = self._told.recv(1000)
        if not said:
            raise EOFError("the fork server has died")
        value: dict[str, int] = json.loads(said)
        return value


def _given(stream: int | IO[Any], number: int, handed_over: contextlib.ExitStack) -> tuple[int, int | None]:
    """What the new process gets as its descriptor ``number``, and our end of it where it is a pipe."""
    if stream not in (PIPE, DEVNULL):
        return (stream if isinstance(stream, int) else stream.fileno()), None
    if stream == DEVNULL:
        its, ours = os.open(os.devnull, os.O_RDWR), None
    else:
        reading, writing = os.pipe()
        its, ours = (reading, writing) if number == 0 else (writing, reading)
    handed_over.callback(os.close, its)
    return its, ours
