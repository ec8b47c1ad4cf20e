"""Virtual time: hours pass at once, in order, and never while anybody has something to do."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from tacit.testing.clock import STORY_BEGINS_S, FakeClock, Stuck, WorldLoop, run_in_world, world_loop


def test_hours_pass_in_no_time() -> None:
    async def story() -> tuple[float, float]:
        clock = FakeClock()
        assert (clock.now_s(), clock.monotonic_s()) == (STORY_BEGINS_S, 0.0)
        await clock.sleep(5 * 3600)
        return clock.now_s() - STORY_BEGINS_S, clock.monotonic_s()

    began = time.monotonic()
    assert run_in_world(story) == (18_000.0, 18_000.0)
    assert time.monotonic() - began < 5


def test_sleepers_wake_in_the_order_of_their_time() -> None:
    async def story() -> list[str]:
        woken: list[str] = []

        async def sleeper(name: str, delay_s: float) -> None:
            await asyncio.sleep(delay_s)
            woken.append(name)

        await asyncio.gather(sleeper("late", 30), sleeper("early", 1), sleeper("middle", 10))
        return woken

    assert run_in_world(story) == ["early", "middle", "late"]


def test_timeouts_of_the_standard_library_follow() -> None:
    async def story() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(600):
                await asyncio.sleep(1e6)
        return world_loop().time()

    assert run_in_world(story) == pytest.approx(600)


def test_settling_lets_everybody_finish_and_no_time_pass() -> None:
    async def story() -> tuple[list[int], float]:
        steps: list[int] = []

        async def worker() -> None:
            for n in range(50):
                await asyncio.sleep(0)
                steps.append(n)
            await asyncio.sleep(1)
            steps.append(-1)

        task = asyncio.create_task(worker())
        await world_loop().settle()
        seen, now = list(steps), world_loop().time()
        await task
        return seen, now

    assert run_in_world(story) == (list(range(50)), 0.0)


def test_a_leap_fires_what_is_due_once() -> None:
    async def story() -> tuple[int, float]:
        ticks = 0

        async def ticking() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(5)
                ticks += 1

        task = asyncio.create_task(ticking())
        await world_loop().settle()
        world_loop().leap(7 * 86400)
        await world_loop().settle()
        task.cancel()
        return ticks, world_loop().time()

    assert run_in_world(story) == (1, 7 * 86400.0)


def test_a_wrong_clock_moves_wall_time_only() -> None:
    async def story() -> tuple[float, float]:
        clock = FakeClock()
        clock.set_wrong_by(-86400)
        return clock.now_s() - STORY_BEGINS_S, clock.monotonic_s()

    assert run_in_world(story) == (-86400.0, 0.0)


def test_waiting_for_nobody_is_found_out() -> None:
    async def story() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stuck):
        run_in_world(story)


def test_waiting_for_nobody_is_found_out_while_a_timer_ticks() -> None:
    async def story() -> None:
        async def ticking() -> None:
            while True:  # noqa: ASYNC110 - ticking is all it does
                await asyncio.sleep(3600)

        task = asyncio.create_task(ticking())
        await asyncio.Event().wait()
        task.cancel()

    with pytest.raises(Stuck, match="Task"):
        run_in_world(story)


def test_what_threads_would_do_is_done_at_once() -> None:
    async def story() -> bool:
        return await asyncio.to_thread(threading.get_ident) == threading.get_ident()

    assert run_in_world(story)


def test_an_error_in_a_thread_is_the_callers() -> None:
    async def story() -> None:
        await asyncio.to_thread(int, "x")

    with pytest.raises(ValueError, match="invalid literal"):
        run_in_world(story)


def test_the_world_stops_for_a_real_thread() -> None:
    async def story() -> float:
        loop, done = world_loop(), asyncio.Event()

        def work() -> None:
            time.sleep(0.01)
            loop.call_soon_threadsafe(done.set)

        loop.wait_for_thread(threading.Thread(target=work).start)
        await done.wait()
        return loop.time()

    assert run_in_world(story) == 0.0


def test_elsewhere_there_is_no_world() -> None:
    async def elsewhere() -> None:
        with pytest.raises(RuntimeError):
            world_loop()

    asyncio.run(elsewhere())
    assert issubclass(WorldLoop, asyncio.AbstractEventLoop)
