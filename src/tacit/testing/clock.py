"""Time that only moves when nobody has anything left to do.

``WorldLoop`` is an event loop without waiting: when every task waits for time to pass, it jumps to the moment of the
next timer. Hours of a story take milliseconds, a retry never races the test, and what threads would do happens in the
calling thread, so one seed gives one run. ``FakeClock`` shows that time to the code under test.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context
from typing import Any, Final, TypeVar, TypeVarTuple

from tacit.limits import DAY_S

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

STORY_BEGINS_S: Final = 1_767_225_600.0
"""Wall time at the start of every story: the first moment of 2026."""

LONGEST_STORY_S: Final = 60 * DAY_S
"""A story that goes on for longer waits for something that never comes, while somebody's timer keeps ticking."""

WIRE_S: Final = 0.01
"""Real seconds between two looks at real connections."""

QUIET_WIRE_S: Final = 2.0
"""Real seconds after which whatever is still on its way is left to wait, for somebody who waits for time to pass."""

_THREAD_TIMEOUT_S: Final = 30.0
"""Real seconds that a real thread may take before the story counts as stuck."""


class Stuck(Exception):
    """Everybody waits for somebody else, and no timer is left that could end it."""


class FakeClock:
    """A ``tacit.clock.Clock`` on the time of the running ``WorldLoop``; wall time can be moved apart from it."""

    def __init__(self, start_s: float = STORY_BEGINS_S) -> None:
        self._start_s = start_s

    def now_s(self) -> float:
        """Seconds since the Unix epoch."""
        return self._start_s + self.monotonic_s()

    def monotonic_s(self) -> float:
        """Seconds since the story began; never goes back."""
        return asyncio.get_running_loop().time()

    async def sleep(self, delay_s: float) -> None:
        """Wait for ``delay_s`` seconds of the story."""
        await asyncio.sleep(delay_s)

    def set_wrong_by(self, seconds: float) -> None:
        """Move wall time forward (or back) without any time passing, as a wrongly set clock does."""
        self._start_s += seconds


class WorldLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time, for one story."""

    def __init__(self) -> None:
        self._virtual_s = 0.0
        self._settling: list[asyncio.Future[None]] = []
        self._arrived = threading.Semaphore(0)
        self.is_waiting: Callable[[], bool] = _never
        """Whether something comes in, later in real time, before any more time of the story passes."""
        super().__init__(_IdleSelector(self._idle, lambda: self.is_waiting()))

    def time(self) -> float:
        """Seconds since the story began."""
        return self._virtual_s

    async def settle(self) -> None:
        """Wait until nobody has anything to do before more time passes; no time passes."""
        waiter = self.create_future()
        self._settling.append(waiter)
        await waiter

    def leap(self, seconds: float) -> None:
        """Let much time pass at once, as for a machine that was asleep: every timer that is due fires once."""
        self._virtual_s += seconds

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Call ``func`` here and now; what a thread would do later, it would do at a moment that no seed repeats."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except BaseException as error:  # noqa: BLE001 - it is the caller's, wherever it was raised
            future.set_exception(error)
        return future

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Take a callback from a thread, and let ``wait_for_thread`` know."""
        handle = super().call_soon_threadsafe(callback, *args, context=context)
        self._arrived.release()
        return handle

    def wait_for_thread(self, start: Callable[[], None]) -> None:
        """Call ``start`` and stop the world until a thread has handed its outcome to this loop."""
        while self._arrived.acquire(blocking=False):
            pass
        start()
        if not self._arrived.acquire(timeout=_THREAD_TIMEOUT_S):
            raise Stuck("a thread does not answer")

    def _idle(self, timeout_s: float | None) -> None:
        """Nobody can go on at this moment: end the settling, or go to the moment when somebody can."""
        settling, self._settling = self._settling, []
        for waiter in settling:
            if not waiter.done():
                waiter.set_result(None)
        if settling:
            return
        if timeout_s is None or self._virtual_s > LONGEST_STORY_S:
            raise Stuck(", ".join(sorted(task.get_name() for task in asyncio.all_tasks(self))))
        self._virtual_s += timeout_s


class _IdleSelector(selectors.DefaultSelector):
    """Asks for events without waiting, and says when it would have had to."""

    def __init__(self, idle: Callable[[float | None], None], is_waiting: Callable[[], bool]) -> None:
        super().__init__()
        self._idle = idle
        self._is_waiting = is_waiting

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """The events that are there; time passes in ``idle`` instead of here."""
        ready = super().select(0)
        if not ready and (timeout is None or timeout > 0):
            looks = int(QUIET_WIRE_S / WIRE_S)
            while not ready and looks and self._is_waiting():
                ready, looks = super().select(WIRE_S), looks - 1
            if not ready:
                self._idle(timeout)
        return ready


def _never() -> bool:
    return False


def run_in_world(story: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine from beginning to end on a loop of its own; tasks it leaves behind are cancelled."""
    with asyncio.Runner(loop_factory=WorldLoop) as runner:
        return runner.run(story())


def world_loop() -> WorldLoop:
    """The running ``WorldLoop``; raises ``RuntimeError`` outside of one."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, WorldLoop):
        raise RuntimeError("a story runs on a WorldLoop: use run_in_world")
    return loop
