"""Peers that run: one process each, one JSON line each way. They end with this process."""

from __future__ import annotations

import atexit
import json
import subprocess
from collections.abc import Callable
from typing import Any

from bench.peers.catalogue import Package
from bench.peers.environments import Missing, command_of

ENDS_IN_S = 30


class Refused(Exception):
    """A peer answered with an error."""


class Peer:
    """A program that answers."""

    def __init__(self, package: Package) -> None:
        self.name = package.name
        process = subprocess.Popen(
            command_of(package), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._requests, self._answers = process, process.stdin, process.stdout
        atexit.register(self.end)

    def ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one request; raises ``Refused``."""
        try:
            self._requests.write(json.dumps({"op": operation, **arguments}).encode() + b"\n")
            self._requests.flush()
        except BrokenPipeError:
            raise Refused(f"{self.name} does not run") from None
        line = self._answers.readline()
        if not line:
            raise Refused(f"{self.name} has ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Refused(f"{self.name}: {answer['error']}")
        return answer

    def sample(self, operation: str, **arguments: Any) -> Callable[[], float]:
        """A column of a contest: asks and gives the seconds of one operation."""
        return lambda: float(self.ask(operation, **arguments)["seconds"])

    def end(self) -> None:
        """Let the program read its end of input."""
        if not self._requests.closed:
            self._requests.close()
            self._answers.close()
            self._process.wait(timeout=ENDS_IN_S)


class Peers:
    """All that have been asked for, and why the others are not there."""

    def __init__(self) -> None:
        self._running: dict[str, Peer] = {}
        self.missing: dict[str, str] = {}

    def get(self, package: Package) -> Peer | None:
        """The peer, started the first time; None with the reason in ``missing``."""
        if package.name not in self._running and package.name not in self.missing:
            try:
                self._running[package.name] = Peer(package)
            except (Missing, OSError) as error:
                self.missing[package.name] = str(error)
        return self._running.get(package.name)
