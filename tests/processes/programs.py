"""tacit as a user runs it: processes of the command line, with files and sockets of their own.

Everything is waited for with a deadline and nothing is slept for: a program ends, or prints the line that is wanted.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast

from tests.ports import free_port
from tests.processes import forked
from tests.processes.ways import link_by

TIMEOUT_S = 40.0
"""A deadline, not a pace: far above what any step takes on a machine that does other things too."""

TACIT = "tacit.cli"


def environment(**more: str) -> dict[str, str]:
    """This process's environment without any setting of tacit's, and without measuring, which slows every start."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("TACIT_", "COVERAGE_"))} | more


@dataclass(frozen=True)
class Ended:
    """What a program that has ended left."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output as JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def value(self) -> dict[str, Any]:
        """The one object on standard output."""
        (value,) = self.lines
        return value

    @property
    def error(self) -> dict[str, Any]:
        """The error on standard output, after whatever else was printed."""
        return cast("dict[str, Any]", self.lines[-1]["error"])


class Program:
    """A running process; its lines are read as they come, so it never waits for its reader."""

    def __init__(
        self,
        *arguments: str,
        prefix: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        talks: bool = False,
        module: str = TACIT,
        fresh: bool = False,
    ) -> None:
        """``talks`` keeps standard input open for ``say``; a ``fresh`` process is no fork of any other."""
        # Not in any folder that a test may look through.
        self._said: BinaryIO = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - closed with the program
        self.process = forked.start(
            module,
            arguments,
            prefix=prefix,
            fresh=fresh,
            stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=environment(**(env or {})),
            cwd=cwd,
        )
        self.printed: list[str] = []
        self._news: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(signal.SIGKILL)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        """Standard error up to now."""
        self._said.seek(0)
        return self._said.read().decode("utf-8", "replace")

    def say(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def line(self, wanted: Callable[[dict[str, Any]], bool] = bool, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
        """Read JSON lines up to the one that is wanted."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                line = self._news.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not printed in time; {self._story()}") from None
            if line is None:
                self._news.put(None)
                raise AssertionError(f"ended without printing it; {self._story()}")
            if wanted(value := json.loads(line)):
                return cast("dict[str, Any]", value)

    async def line_async(
        self, wanted: Callable[[dict[str, Any]], bool] = bool, timeout_s: float = TIMEOUT_S
    ) -> dict[str, Any]:
        return await asyncio.to_thread(self.line, wanted, timeout_s)

    def wait(self, timeout_s: float = TIMEOUT_S) -> Ended:
        """Let the program come to its end."""
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"does not end; {self._story()}") from None
        finally:
            if self.process.returncode is None:
                self.process.kill()
                self.process.wait()
            self._reader.join(TIMEOUT_S)
            ended = Ended(self.process.returncode, "".join(f"{line}\n" for line in self.printed), self.said)
            self._close()
        return ended

    def end(self, how: signal.Signals) -> Ended | None:
        """Send a signal and wait for the end; None when it had been waited for before."""
        if self._said.closed:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            text = line.decode().rstrip("\n")
            self.printed.append(text)
            self._news.put(text)
        self._news.put(None)

    def _story(self) -> str:
        return f"printed {self.printed}, said {self.said}"

    def _close(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()
        if self.process.stdin is not None:
            self.process.stdin.close()
        self._said.close()


def run(*arguments: str, timeout_s: float = TIMEOUT_S, **how: Any) -> Ended:
    """Run the command line to its end."""
    with Program(*arguments, **how) as program:
        return program.wait(timeout_s)


class Relay:
    """``tacit serve`` on one folder and one port, started as often as a test needs."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        prefix: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        fresh: bool = False,
    ) -> None:
        self.folder = folder
        self._fresh = fresh
        self._env = env
        self.link = ""
        self.links: list[str] = []
        self.port = free_port()
        self._options = options
        self._prefix = prefix
        self.program: Program | None = None

    def __enter__(self) -> Relay:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.program is not None:
            self.program.end(signal.SIGKILL)

    @property
    def running(self) -> Program:
        assert self.program is not None
        return self.program

    def by(self, way: str) -> str:
        """The link that leads here by a way, for relays that listen everywhere."""
        return link_by(way, self.links)

    def start(self) -> None:
        """Start, on the port of last time, and wait until it listens."""
        self.program = Program(
            *("serve", "--json", "-vv", "--host", "127.0.0.1", "--public-host", "127.0.0.1"),
            *("--data", str(self.folder), "--port", str(self.port), *self._options),
            prefix=self._prefix,
            env=self._env,
            fresh=self._fresh,
        )
        words = self.program.line()
        if "error" in words:
            raise AssertionError(words)
        self.link, self.port, self.links = words["link"], words["port"], words["links"]

    def end(self, how: signal.Signals = signal.SIGTERM) -> Ended:
        """Send a signal and wait."""
        ended = self.running.end(how)
        assert ended is not None
        return ended


@dataclass(frozen=True)
class Profile:
    """One profile, for programs that use it."""

    name: str
    data_dir: Path

    @property
    def folder(self) -> Path:
        return self.data_dir / "profiles" / self.name

    def arguments(self, *arguments: str) -> tuple[str, ...]:
        return (*arguments, "-P", self.name, "--data-dir", str(self.data_dir), "--json")

    def run(self, *arguments: str, **how: Any) -> Ended:
        return run(*self.arguments(*arguments), **how)

    def start(self, *arguments: str, **how: Any) -> Program:
        return Program(*self.arguments(*arguments), **how)
