"""A relay as a process of its own: ``python -m tests.relay.relay_process DATA_DIR``.

Prints one line of JSON when it listens, and the names of all loaded modules when it has stopped after SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from pathlib import Path

import uvloop

from tacit.relay.config import RelayConfig
from tacit.relay.server import Relay


async def main(data_dir: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    relay = Relay(RelayConfig(data_dir, host="127.0.0.1", port=0, public_host="127.0.0.1", registration="open"))
    await relay.start()
    say({"link": relay.link()})
    await stop.wait()
    await relay.stop()
    say({"modules": sorted(sys.modules)})


def say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    # The event loop that the command line runs a relay on.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(Path(sys.argv[1])))
