"""Runs the command line as a process of its own, without a terminal, in a world of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ports import free_port
from tests.processes import forked

TIMEOUT_S = 120
TACIT = "tacit.cli"


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on standard output."""
        (line,) = self.out.splitlines()
        return json.loads(line)

    @property
    def lines(self) -> list[Any]:
        """JSON Lines on standard output."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class World:
    """A data folder, an environment, and what runs in them."""

    folder: Path
    extra: dict[str, str] = field(default_factory=dict)
    measured: bool = True
    """Whether they say what they walk through, where the tests do; it makes them slow."""

    @property
    def env(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("TACIT_", "XDG_"))}
        if not self.measured:
            kept = {key: value for key, value in kept.items() if not key.startswith("COVERAGE_")}
        home = {"HOME": str(self.folder / "home"), "TACIT_DATA_DIR": str(self.folder / "data")}
        return {**kept, **home, "TERM": "xterm", **self.extra}

    def tacit(self, *args: str, input: str | None = None, **env: str) -> Ran:  # noqa: A002 - as subprocess.run has it
        """Run a command to its end."""
        with forked.start(
            TACIT,
            args,
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
            env={**self.env, **env},
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(input, timeout=TIMEOUT_S)
            finally:
                process.kill()
        return Ran(process.wait(), out, err)

    def ok(self, *args: str, **more: Any) -> Ran:
        """Run a command that must succeed."""
        ran = self.tacit(*args, **more)
        assert ran.code == 0, (args, ran)
        return ran

    @contextlib.contextmanager
    def running(self, *args: str, **env: str) -> Iterator[subprocess.Popen[str] | forked.Forked]:
        """Run a command beside the test; it is ended with SIGTERM unless it has ended."""
        process = forked.start(
            TACIT,
            args,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.env, **env},
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
            process.wait(20)

    @contextlib.contextmanager
    def relay(self, *args: str, port: int | None = None) -> Iterator[Any]:
        """Run a relay and give what it said of itself."""
        serve = ("serve", "--json", "--host", "127.0.0.1", "--port", str(port or free_port()), *args)
        with self.running(*serve) as process:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())


def read_line(process: subprocess.Popen[str] | forked.Forked) -> Any:
    """The next JSON line of a running command."""
    assert process.stdout is not None
    return json.loads(process.stdout.readline())
