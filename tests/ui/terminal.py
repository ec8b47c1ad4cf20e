"""A terminal that a test can type into and read: a process in a pseudo-terminal, its screen kept by pyte."""

from __future__ import annotations

import os
import pty
import re
import signal
import sys
import termios
import time
from collections.abc import Callable, Mapping
from types import TracebackType

import pexpect
import pyte
from pexpect.fdpexpect import fdspawn

from tests.processes import forked

TIMEOUT_S = 60.0


class Terminal:
    """One process and its screen."""

    def __init__(
        self,
        argv: list[str],
        *,
        columns: int = 80,
        rows: int = 24,
        inherited: Mapping[str, str] = os.environ,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=5000, ratio=0.5)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.process = start(argv, (rows, columns), {**inherited, "TERM": "xterm-256color", "TZ": "UTC", **(env or {})})

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.close()

    @property
    def rows(self) -> list[str]:
        """What the screen shows, without trailing blanks."""
        return [row.rstrip() for row in self.screen.display]

    @property
    def text(self) -> str:
        """All rows, those that have scrolled away too, as one text."""
        gone = ["".join(line[x].data for x in range(self.screen.columns)).rstrip() for line in self.screen.history.top]
        return "\n".join([*gone, *self.rows])

    @property
    def flat(self) -> str:
        """All rows joined into one line, so that words are found wherever they were wrapped."""
        return re.sub(r"\s+", " ", re.sub(r"\n[·! ]\s*", " ", self.text))

    def type(self, text: str) -> None:
        """Send keys."""
        self.process.send(text)

    def enter(self, line: str) -> None:
        """Type a line and send it."""
        self.type(line + "\r")

    def wait(self, true: Callable[[], bool], what: str) -> None:
        """Read output until something is so."""
        deadline = time.monotonic() + TIMEOUT_S
        while not true():
            if time.monotonic() > deadline or not (self._read(0.1) or true()):
                raise AssertionError(f"never came: {what}\n{self.text}")

    def sees(self, words: str) -> None:
        """Wait until words are on the screen or above it."""
        self.wait(lambda: words in self.flat or words in self.text, words)

    def shows(self, words: str) -> None:
        """Wait until words are on the screen right now."""
        self.wait(lambda: any(words.rstrip() in row for row in self.rows), words)

    def ends(self) -> int:
        """Wait for the end of the process and return its exit code."""
        deadline = time.monotonic() + TIMEOUT_S
        while self._read(0.1):
            assert time.monotonic() < deadline, f"never ended\n{self.text}"
        self.process.wait()
        return int(self.process.exitstatus if self.process.exitstatus is not None else -self.process.signalstatus)

    def _read(self, timeout_s: float) -> bool:
        try:
            data = self.process.read_nonblocking(65536, timeout_s)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        self.stream.feed(data)
        return True


def start(argv: list[str], size: tuple[int, int], env: Mapping[str, str]) -> Spawned | Forked:
    """Start a program in a terminal of so many rows and columns; Python modules of ours are forked."""
    if argv[:2] == [sys.executable, "-m"]:
        ours, its = pty.openpty()
        try:
            termios.tcsetwinsize(its, size)
            process = forked.in_terminal(argv[2], argv[3:], its, env=env)
        finally:
            os.close(its)
        if process is not None:
            return Forked(ours, process)
        os.close(ours)
    spawned = Spawned(argv[0], argv[1:], dimensions=size, env=dict(env), timeout=TIMEOUT_S)
    spawned.delaybeforesend = None
    return spawned


class Spawned(pexpect.spawn):
    """A process whose end is waited for, where pexpect gives each of its signals a tenth of a second."""

    def close(self, force: bool = True) -> None:
        if not self.closed:
            self.kill(signal.SIGKILL)
            self.wait()
        super().close(force)


class Forked(fdspawn):
    """As ``pexpect.spawn``, as far as tests use that."""

    def __init__(self, fd: int, process: forked.Forked) -> None:
        super().__init__(fd, timeout=TIMEOUT_S)
        self._process = process
        self.pid = process.pid

    def wait(self) -> int:
        code = self._process.wait(TIMEOUT_S)
        self.exitstatus, self.signalstatus = (None, -code) if code < 0 else (code, None)
        return code

    def close(self, force: bool = True) -> None:
        super().close()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(TIMEOUT_S)
