"""A relay that runs low on disk or memory: nobody new, and everybody who is here as before. Hazard H6."""

from __future__ import annotations

import asyncio
import resource
import threading

import pytest

from tacit import limits
from tacit.relay import resources
from tacit.relay.resources import LOOK_S, Resources, Room, Rooms, measure
from tacit.wire import errors
from tests.relay.peers import Moves, Someone, running, to_inbox

MIB = 1024 * 1024
PLENTY = Room(100_000 * MIB, 50_000 * MIB)


class Machine:
    """Says what a test wants it to."""

    def __init__(self) -> None:
        self.disk = self.memory = PLENTY
        self.looked = threading.Semaphore(0)

    def __call__(self) -> Rooms:
        self.looked.release()
        return Rooms(self.disk, self.memory)


def said(caplog) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.getMessage().startswith(("low", "enough"))]


@pytest.mark.parametrize("what", ["disk", "memory"])
async def test_while_something_is_short_no_account_is_made_and_all_else_is_served(tmp_path, caplog, what):
    """H6: what is here has its promises; what is not yet here waits."""
    caplog.set_level("INFO")
    clock, machine = Moves(), Machine()
    async with running(tmp_path, clock=clock) as world:
        context = world.relay._running()
        context.resources._measure = machine
        alice = await world.join()
        setattr(machine, what, Room(PLENTY.total, 100 * MIB))
        await context.resources.look()
        await context.resources.look()
        late = Someone.new()
        stranger = await world.connect()
        with pytest.raises(errors.RegistrationPaused) as refused:
            await stranger.register(late)
        assert refused.value.retry_after_s == LOOK_S
        log = await alice.create_log()
        assert await alice.append(log, b"as ever") == 1
        second = Someone.new(alice.someone.account)
        await stranger.register(second)
        await (await world.back(second)).ask(to_inbox(alice.someone, b"welcome"))
        setattr(machine, what, Room(PLENTY.total, int(needed(what) * 1.1)))
        await context.resources.look()
        assert context.resources.low == {what}, "a little more is not enough to begin again"
        setattr(machine, what, PLENTY)
        await context.resources.look()
        await stranger.register(late)
    assert said(caplog) == [f"low kind='{what}'", f"enough-again kind='{what}'"]


def needed(what: str) -> int:
    return limits.LOW_DISK_BYTES if what == "disk" else limits.LOW_MEMORY_BYTES


async def test_it_is_looked_again_and_again_without_being_asked():
    clock, machine = Moves(), Machine()
    async with running(None, clock=clock) as world:
        context = world.relay._running()
        context.resources._measure = machine
        await world.join()
        for _ in range(2):
            # Whoever looks may not be back asleep yet; the clock goes on until it is.
            for _ in range(100):
                clock.forward(LOOK_S)
                if await asyncio.to_thread(machine.looked.acquire, timeout=0.1):
                    break
            else:
                raise AssertionError("nobody looked")


async def test_of_a_small_disk_a_share_is_enough():
    machine = Machine()
    machine.disk = Room(100 * MIB, 6 * MIB)
    found = Resources(machine)
    await found.look()
    found.check_registration()
    machine.disk = Room(100 * MIB, 4 * MIB)
    await found.look()
    assert found.low == {"disk"}
    with pytest.raises(errors.RegistrationPaused):
        found.check_registration()


def test_this_machine_says_what_it_has(tmp_path):
    found = measure(tmp_path)
    assert found.disk is not None
    assert 0 < found.disk.free < found.disk.total
    assert found.memory is not None
    assert 0 < found.memory.free <= found.memory.total
    assert measure(None).disk is None
    assert measure(tmp_path / "gone").disk is None, "a disk that does not answer is no reason to stop"


def test_the_tightest_bound_of_memory_counts(tmp_path, monkeypatch):
    """The machine's, the container's, and the process's own; files that are merely cached count as free."""
    (tmp_path / "memory.max").write_text(f"{512 * MIB}\n")
    (tmp_path / "memory.current").write_text(f"{500 * MIB}\n")
    (tmp_path / "memory.stat").write_text(f"anon 1\ninactive_file {8 * MIB}\n")
    monkeypatch.setattr(resources, "_CGROUPS", tmp_path)
    assert measure(None).memory == Room(512 * MIB, 20 * MIB)
    own = tmp_path / "system.slice" / "tacit.service"
    own.mkdir(parents=True)
    for name in ("memory.max", "memory.current", "memory.stat"):
        (own / name).write_text((tmp_path / name).read_text())
    (tmp_path / "cgroup").write_text("0::/system.slice/tacit.service\n")
    monkeypatch.setattr(resources, "_OWN_CGROUP", tmp_path / "cgroup")
    (own / "memory.max").write_text("max\n")
    assert measure(None).memory == Room(512 * MIB, 20 * MIB), "what holds for all of a slice holds for each in it"
    (own / "memory.max").write_text(f"{505 * MIB}\n")
    assert measure(None).memory == Room(505 * MIB, 13 * MIB)
    (own / "memory.max").write_text("max\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert measure(None).memory != Room(512 * MIB, 20 * MIB)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (2**60, 2**60))
    bounded = measure(None).memory
    assert bounded is not None
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1, 1))
    tight = measure(None).memory
    assert tight is not None
    assert tight.total == 1
    assert tight.free < 0
