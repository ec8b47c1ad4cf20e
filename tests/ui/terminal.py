"""A terminal that a test can type into and read: a process in a pseudo-terminal, its screen kept by pyte."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from types import TracebackType

import pexpect
import pyte

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
        self.process = pexpect.spawn(
            argv[0],
            argv[1:],
            dimensions=(rows, columns),
            env={**inherited, "TERM": "xterm-256color", "TZ": "UTC", **(env or {})},
            timeout=TIMEOUT_S,
        )
        self.process.delaybeforesend = None

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.close(force=True)

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
