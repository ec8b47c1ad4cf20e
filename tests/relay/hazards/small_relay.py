"""``python -m tests.relay.hazards.small_relay FOLDER``: a relay whose quota of bytes is met within a moment."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from tacit import limits
from tacit.relay.config import RelayConfig
from tacit.relay.server import Relay


async def main(folder: Path) -> None:
    vars(limits)["MAX_HELD_BYTES_PER_ACCOUNT"] = 2_000_000
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    relay = Relay(RelayConfig(folder, host="127.0.0.1", port=0, public_host="127.0.0.1", registration="open"))
    await relay.start()
    sys.stdout.write(f"{relay.port}\n")
    sys.stdout.flush()
    await stop.wait()
    await relay.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
