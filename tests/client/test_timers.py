from __future__ import annotations

from tacit.client.timers import Timers
from tacit.testing.clock import FakeClock, run_in_world, world_loop


def test_each_thing_comes_at_its_time_and_once() -> None:
    async def tell() -> None:
        clock, woken = FakeClock(), []
        timers = Timers(clock, lambda: woken.append(clock.monotonic_s()))
        timers.set("b", 1, clock.monotonic_s() + 20)
        timers.set("a", 1, clock.monotonic_s() + 10)
        await clock.sleep(5)
        assert timers.take_due() == []
        await clock.sleep(6)
        assert timers.take_due() == [("a", 1)]
        await clock.sleep(10)
        assert timers.take_due() == [("b", 1)]
        assert woken == [10, 20]
        await clock.sleep(100)
        assert timers.take_due() == []
        await timers.close()

    run_in_world(tell)


def test_setting_again_moves_a_thing_unless_it_is_to_be_kept() -> None:
    async def tell() -> None:
        clock = FakeClock()
        timers = Timers(clock, lambda: None)
        timers.set("a", 1, 10)
        timers.set("a", 1, 50, keep=True)
        timers.set("b", 1, 10)
        timers.set("b", 1, 50)
        assert timers.has("a", 1)
        await clock.sleep(20)
        assert timers.take_due() == [("a", 1)]
        await clock.sleep(40)
        assert timers.take_due() == [("b", 1)]
        await timers.close()

    run_in_world(tell)


def test_closing_leaves_no_task_and_takes_nothing_more() -> None:
    async def tell() -> None:
        clock = FakeClock()
        timers = Timers(clock, lambda: None)
        timers.set("a", 1, 10)
        await timers.close()
        timers.set("b", 1, 10)
        await world_loop().settle()
        assert not timers.has("b", 1)
        import asyncio

        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_in_world(tell)
