"""Clocks that are years wrong, or jump while something waits: no crash, nothing expires in a heap. Hazard G8."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tacit import limits
from tacit.relay.store.database import FILE_NAME
from tacit.relay.watch import SWEEP_S, sweep
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.peers import Moves, Peer, RunningRelay, Someone, commit, key_package, running, to_inbox

YEARS_S = 10 * 365 * limits.DAY_S


class Watched(Moves):
    """A clock that will not be asked to sleep for less than no time."""

    async def sleep(self, delay_s: float) -> None:
        assert delay_s >= 0
        await super().sleep(delay_s)


async def fill(world: RunningRelay) -> tuple[Peer, Peer, bytes]:
    """Somebody who writes, somebody who is away, and everything that waits for her."""
    alice, bob = await world.join(handle="alice"), await world.join(Someone.new())
    log = await alice.create_log()
    await alice.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
    await alice.append(log, b"waits for bob")
    await alice.ask(to_inbox(bob.someone, b"so does this"))
    await bob.ask(pb.PublishKeys(key_packages=[key_package(b"one", expires_in_s=60 * limits.DAY_S)]))
    return alice, bob, log


async def all_is_there(world: RunningRelay, bob: Someone, log: bytes) -> None:
    back = await world.back(bob)
    await back.listen(log, bob.certificate.device_id, after=0)
    assert {entry.payload for entry in await back.take(2)} == {b"waits for bob", b"so does this"}
    if world.clock.now_s() < time.time() + 60 * limits.DAY_S:
        assert (await back.ask(pb.PublishKeys())).one_time_key_packages == 1
    await back.close()


@pytest.mark.parametrize("jump_s", [YEARS_S, -YEARS_S, 40 * limits.DAY_S, -3600])
async def test_a_clock_that_jumps_while_things_wait_empties_nothing(tmp_path: Path, jump_s: int) -> None:
    """G8: entries, inboxes, KeyPackages, invitations and rates, with a sweep at every turn."""
    clock = Watched()
    async with running(tmp_path, clock=clock, registration="invite") as world:
        first, second = [await world.relay.invite(uses=9, expires_s=limits.DAY_S) for _ in range(2)]
        alice = await world.connect()
        await alice.register(someone := Someone.new(), invite=first)
        await alice.login(someone)
        log = await alice.create_log()
        await alice.append(log, b"before")
        clock.set_wrong_by(jump_s)
        await sweep(world.relay._running())
        clock.forward(SWEEP_S)
        assert await alice.append(log, b"meanwhile") == 2
        assert [entry.seq for entry in (await listened(alice, log))] == [1, 2]
        stranger = await world.connect()
        if jump_s > limits.DAY_S:
            with pytest.raises((errors.InviteInvalid, errors.BadCertificate)):
                await stranger.register(Someone.new(), invite=second)
        clock.set_wrong_by(0)
        await sweep(world.relay._running())
        late = await world.connect()
        await late.register(Someone.new(), invite=second)
        assert await alice.append(log, b"after") == 3
        await sweep(world.relay._running())
        assert [entry.payload for entry in await listened(alice, log)][-3:] == [b"before", b"meanwhile", b"after"]


async def listened(peer: Peer, log: bytes) -> list[pb.Entry]:
    await peer.listen(log)
    return [peer.entries.get_nowait() for _ in range(peer.entries.qsize())]


@pytest.mark.parametrize("wrong_by_s", [YEARS_S, 45 * limits.DAY_S])
async def test_a_relay_that_starts_with_its_clock_ahead_or_after_a_long_pause_empties_nothing(
    tmp_path: Path, wrong_by_s: int, caplog: pytest.LogCaptureFixture
) -> None:
    """G8: what expires is judged by time in which it could have been fetched."""
    async with running(tmp_path) as world:
        _, bob, log = await fill(world)
    clock = Watched(time.time() + wrong_by_s)
    async with running(tmp_path, clock=clock) as world:
        await sweep(world.relay._running())
        clock.forward(SWEEP_S)
        await sweep(world.relay._running())
        await all_is_there(world, bob.someone, log)
    assert "away-or-clock-ahead" in caplog.text


async def test_what_a_relay_kept_longer_for_its_pause_goes_in_the_end(tmp_path: Path) -> None:
    """G8: at double speed, so that nothing waits for much longer than it should."""
    async with running(tmp_path) as world:
        _, bob, log = await fill(world)
    clock = Watched(time.time() + 45 * limits.DAY_S)
    async with running(tmp_path, clock=clock) as world:
        clock.forward(14 * limits.DAY_S)
        await sweep(world.relay._running())
        back = await world.back(bob.someone)
        assert len(await listened(back, log)) == 1
        clock.forward(3 * limits.DAY_S)
        await sweep(world.relay._running())
        assert await listened(back, log) == []


async def test_a_clock_that_is_behind_at_the_start_expires_nothing_and_a_short_pause_counts(tmp_path: Path) -> None:
    """G8: ten years back, and a night off."""
    async with running(tmp_path) as world:
        _, bob, log = await fill(world)
    async with running(tmp_path, clock=Watched(time.time() - YEARS_S)) as world:
        await sweep(world.relay._running())
        assert world.relay._running().steady.away_s == 0
    night_s = 8 * limits.HOUR_S
    os.utime(tmp_path / FILE_NAME, (time.time() - night_s, time.time() - night_s))
    clock = Watched()
    async with running(tmp_path, clock=clock) as world:
        assert world.relay._running().steady.away_s == 0
        await all_is_there(world, bob.someone, log)
