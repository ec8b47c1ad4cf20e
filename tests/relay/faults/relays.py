"""Relays that are processes of their own and start at once: ``python -m tests.relay.faults.relays FOLDER``.

Everything is imported once; each line on standard input forks a relay on the folder, after the one before has ended.
Each prints its process and its link when it listens.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import uvloop

from tacit.identity import RelayLink, parse_link
from tacit.net import connect
from tacit.relay.config import RelayConfig
from tacit.relay.server import Relay
from tests.relay.peers import TIMEOUT_S, Peer, Someone


@dataclass
class Relays:
    """The test's side: one relay after the other."""

    parent: asyncio.subprocess.Process
    pid: int = 0
    link: RelayLink | None = None

    @classmethod
    async def on(cls, folder: Path) -> Relays:
        program = (sys.executable, "-m", "tests.relay.faults.relays", str(folder))
        pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
        return cls(await asyncio.create_subprocess_exec(*program, **pipes))

    async def start(self) -> None:
        """Start a relay and wait until it listens."""
        await self.begin()
        said = await self.heard()
        while "link" not in said or said["pid"] != self.pid:
            said = await self.heard()  # what one that was killed had still said
        self.link = parse_link(said["link"])

    async def begin(self) -> None:
        """Have a relay started, and wait until there is a process of it."""
        assert self.parent.stdin is not None
        self.parent.stdin.write(b"start\n")
        said = await self.heard()
        while "link" in said:
            said = await self.heard()
        self.pid = said["pid"]

    async def heard(self) -> dict[str, Any]:
        """The next thing that a relay says."""
        assert self.parent.stdout is not None
        async with asyncio.timeout(TIMEOUT_S):
            return cast("dict[str, Any]", json.loads(await self.parent.stdout.readline()))

    def kill(self) -> None:
        """End the relay without a word."""
        os.kill(self.pid, signal.SIGKILL)

    async def join(self, someone: Someone, *, known: bool = True) -> Peer:
        assert self.link is not None
        peer = await Peer.over(await connect(self.link, timeout_s=TIMEOUT_S))
        if not known:
            await peer.register(someone)
        await peer.login(someone)
        return peer

    async def close(self) -> None:
        """End the last relay as it should be ended, and its parent."""
        os.kill(self.pid, signal.SIGTERM)
        assert self.parent.stdin is not None
        self.parent.stdin.close()
        async with asyncio.timeout(TIMEOUT_S):
            await self.parent.communicate()
        assert self.parent.returncode == 0


async def serve(folder: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    say(pid=os.getpid())
    relay = Relay(RelayConfig(folder, host="127.0.0.1", port=0, public_host="127.0.0.1", registration="open"))
    await relay.start()
    say(pid=os.getpid(), link=relay.link())
    await stop.wait()
    await relay.stop()


def say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main(folder: Path) -> None:
    gc.freeze()
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(serve(folder))
            os._exit(0)
        _, ended = os.waitpid(child, 0)
        if ended not in (0, signal.SIGKILL):
            sys.exit("a relay ended otherwise than by its signals")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
