"""The processes of the demo's people, as seen from the one who directs them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from tacit.errors import TacitError

ANSWER_TIMEOUT_S: Final = 30.0


class PeerFailed(TacitError):
    """Somebody in the demo could not do what they were told."""

    code = "demo-failed"


class Person:
    """One person, online while their process runs."""

    def __init__(self, name: str, folder: Path, relay: str) -> None:
        self.name = name
        self.account = ""
        self._folder, self._relay = folder, relay
        self._process: asyncio.subprocess.Process | None = None
        self._known = False

    @property
    def pid(self) -> int:
        """Number of the process, 0 while offline."""
        return self._process.pid if self._process else 0

    async def come(self) -> None:
        """Start the process, and wait until it is online and has read everything that waited."""
        safe = ["-P"] if sys.flags.safe_path else []
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *safe,
            "-m",
            "tacit.cli.demo.peer",
            self.name,
            str(self._folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        if not self._known:
            self._write({"relay": self._relay})
            self._known = True
        self.account = (await self._answer("come"))["account"]

    async def go(self) -> None:
        """End the process, as if the machine were switched off."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        self._process = None

    async def do(self, what: str, **order: Any) -> Any:
        """Give an order and return what came of it. Raises ``PeerFailed``."""
        self._write({"do": what, **order})
        return (await self._answer(what)).get("value")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Stop this person for a moment: what they have not read stays at the relay, to be looked at."""
        if self._process is None:
            yield
            return
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def _write(self, value: dict[str, Any]) -> None:
        if self._process is None or self._process.stdin is None:
            raise PeerFailed(f"{self.name} is offline")
        self._process.stdin.write(json.dumps(value).encode() + b"\n")

    async def _answer(self, what: str) -> dict[str, Any]:
        if self._process is None or self._process.stdout is None:
            raise PeerFailed(f"{self.name} is offline")
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), ANSWER_TIMEOUT_S)
        except TimeoutError:
            raise PeerFailed(f"{self.name} does not answer to {what}") from None
        answer: dict[str, Any] = json.loads(line) if line else {"ok": False, "code": "ended"}
        if not answer["ok"]:
            raise PeerFailed(f"{self.name}, {what}: {answer['code']}")
        return answer


@asynccontextmanager
async def people(names: tuple[str, ...], folder: Path, relay: str) -> AsyncIterator[list[Person]]:
    """Have people online while the block lasts."""
    everybody = [Person(name, folder, relay) for name in names]
    try:
        await asyncio.gather(*(person.come() for person in everybody))
        yield everybody
    finally:
        await asyncio.gather(*(person.go() for person in everybody))
