"""A stopwatch for claims about how long a program takes, on a machine that does other things too.

Time in which the machine stands still, or in which a program is ready to go on and others have the processors, is none
that the program takes. What it works, and what it waits for of its own accord, counts in full.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

STEP_S: Final = 0.005
MOST_S: Final = 0.02
"""What one step may count for: a longer one says that this process, which only waits, did not run either."""

LEAST_SHARE: Final = 0.02
"""Of the wall's time this much passes in any case, so that whoever waits for it to pass comes to an end."""


def counted_s(step_s: float, waited_s: float) -> float:
    """What one step counts for in which there was so much waiting for a processor."""
    return max(min(step_s, MOST_S) - max(0.0, waited_s), step_s * LEAST_SHARE)


class Stopwatch:
    """Runs for as long as its block; the claim is about this process and others, which are named."""

    def __init__(self, *others: int) -> None:
        self._pids = (os.getpid(), *others)
        self._passed_s = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Stopwatch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def passed_s(self) -> float:
        """What has passed by now, in steps of ``STEP_S``."""
        return self._passed_s

    async def reaches(self, at_s: float) -> None:
        """Wait until so much has passed."""
        while (left_s := at_s - self._passed_s) > 0:  # noqa: ASYNC110 - another clock than the loop's
            await asyncio.sleep(left_s)

    def _run(self) -> None:
        at_s, waited_s = time.monotonic(), self._waited_s()
        while not self._ended.wait(STEP_S):
            now_s, waited_now_s = time.monotonic(), self._waited_s()
            self._passed_s += counted_s(now_s - at_s, waited_now_s - waited_s)
            at_s, waited_s = now_s, waited_now_s

    def _waited_s(self) -> float:
        """For how long the threads of these processes have waited for a processor; 0 where the system does not say."""
        waited_ns = 0
        for pid in self._pids:
            for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                with suppress(OSError, IndexError):
                    waited_ns += int(thread.read_text().split()[1])
        return waited_ns / 1e9
