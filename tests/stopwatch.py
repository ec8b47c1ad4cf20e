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
MOST_S: Final = 0.2
"""What one step may count for: a longer one says that this process, which only waits, did not run either."""

LEAST_SHARE: Final = 0.1
"""Of the time in which the machine ran this much counts in any case, so that whoever waits for it comes to an end."""


def counted_s(ran_s: float, waited_s: float) -> float:
    """What counts of the time in which the machine ran when there was so much waiting for its processors."""
    return max(ran_s - waited_s, ran_s * LEAST_SHARE)


class Stopwatch:
    """Runs for as long as its block; the claim is about this process and others, which are named."""

    def __init__(self, *others: int) -> None:
        self._others = others
        self._waited_before_s = 0.0
        self._ran_s = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Stopwatch:
        self._waited_before_s = self._waited_s()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def passed_s(self) -> float:
        """What has passed by now; a little less than before where a long wait for a processor has just ended."""
        return counted_s(self._ran_s, self._waited_s() - self._waited_before_s)

    async def reaches(self, at_s: float) -> None:
        """Wait until so much has passed."""
        while (left_s := at_s - self.passed_s) > 0:  # noqa: ASYNC110 - another clock than the loop's
            await asyncio.sleep(max(left_s, STEP_S))

    def _run(self) -> None:
        at_s = time.monotonic()
        while not self._ended.wait(STEP_S):
            now_s = time.monotonic()
            self._ran_s += min(now_s - at_s, MOST_S)
            at_s = now_s

    def _waited_s(self) -> float:
        """For how long this process and the others have waited for a processor; 0 where the system does not tell."""
        own, waited_ns = os.getpid(), 0
        theirs = (thread for pid in self._others for thread in Path(f"/proc/{pid}/task").glob("*"))
        for thread in (Path(f"/proc/{own}/task/{own}"), *theirs):
            with suppress(OSError, IndexError):
                waited_ns += int((thread / "schedstat").read_text().split()[1])
        return waited_ns / 1e9
