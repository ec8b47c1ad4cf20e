"""``python -m tests.relay.hazards.small_relay FOLDER [YEARS...]``: a relay whose quota of bytes is met within a moment.

Each SIGUSR1 sets its clock wrong by the next of so many years, has it look for what has expired, and says so.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tacit import limits
from tacit.clock import SystemClock
from tacit.relay.config import RelayConfig
from tacit.relay.server import Relay
from tacit.relay.watch import sweep

YEAR_S = 365 * limits.DAY_S


class Wrong(SystemClock):
    """The machine's clock, set to some other time."""

    wrong_by_s = 0

    def now_s(self) -> float:
        return super().now_s() + self.wrong_by_s


async def main(folder: Path, years: Sequence[int]) -> None:
    vars(limits)["MAX_HELD_BYTES_PER_ACCOUNT"] = 2_000_000
    stop, jump, clock = asyncio.Event(), asyncio.Event(), Wrong()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, jump.set)
    relay = Relay(RelayConfig(folder, host="127.0.0.1", port=0, public_host="127.0.0.1", registration="open"), clock)
    await relay.start()
    say(relay.port)
    for wrong_by in years:
        await jump.wait()
        jump.clear()
        clock.wrong_by_s = wrong_by * YEAR_S
        await sweep(relay._running())
        say(wrong_by)
    await stop.wait()
    await relay.stop()


def say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), [int(years) for years in sys.argv[2:]]))
