"""A relay as a child process, for ``tacit up`` and the demo: started, waited for, stopped.

The child ends with its parent, however that ends: its standard input is a pipe from the parent, and ``--with-parent``
makes the end of that pipe a reason to stop.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tacit.cli.passphrases import VARIABLE
from tacit.errors import ExitCode, TacitError

START_TIMEOUT_S: Final = 20.0
STOP_TIMEOUT_S: Final = 10.0


class RelayNotStarted(TacitError):
    """The relay on this machine did not start."""

    code = "relay-not-started"
    hint = "Run tacit serve to see why."

    def __init__(self, detail: str = "", code: str = "") -> None:
        super().__init__(detail)
        self.cause_code = code


class RelayStopped(TacitError):
    """The relay on this machine stopped while it was starting."""

    code = "relay-stopped"
    exit_code = ExitCode.NETWORK
    hint = "Run tacit serve to see why."


@dataclass(frozen=True, slots=True)
class RelayProcess:
    """A relay that listens."""

    link: str
    port: int
    pid: int
    wait: Callable[[], Awaitable[int]]
    """Waits for its end and returns its exit code."""


def command(*args: str) -> list[str]:
    """The command line of tacit itself with other arguments, run by this interpreter."""
    safe = ["-P"] if sys.flags.safe_path else []
    return [sys.executable, *safe, "-m", "tacit.cli", *args]


@asynccontextmanager
async def relay_process(
    data_dir: Path | None,
    *,
    host: str,
    port: int,
    public_host: str,
    options: Sequence[str] = (),
    log: Path | None = None,
) -> AsyncIterator[RelayProcess]:
    """Run a relay while the block lasts. Raises ``RelayNotStarted`` with the child's own error code."""
    place = ["--ephemeral"] if data_dir is None else ["--data", str(data_dir)]
    arguments = ["serve", "--json", "--with-parent", "--host", host, "--port", str(port)]
    arguments += ["--public-host", public_host, *place, *options]
    if log is not None:
        arguments += ["-vv", "--log-file", str(log)]
    process = await asyncio.create_subprocess_exec(
        *command(*arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if name != VARIABLE},
    )
    try:
        words = await _first_words(process)
        yield RelayProcess(link=str(words["link"]), port=int(words["port"]), pid=process.pid, wait=process.wait)
    finally:
        await _stop(process)


async def _first_words(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_TIMEOUT_S)
    except TimeoutError:
        raise RelayNotStarted("it took too long") from None
    if not line:
        raise RelayStopped
    words: dict[str, Any] = json.loads(line)
    if "error" in words:
        raise RelayNotStarted(words["error"]["sentence"], words["error"]["code"])
    return words


async def _stop(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
