"""What a relay counts, and how little of it can be read from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit import limits
from tacit.relay import blur
from tacit.relay.blur import SIZE_STEP_BYTES, STEP, Crowd
from tacit.relay.figures import FIGURES
from tacit.relay.measuring import measure
from tacit.relay.metrics import LATENCY_BOUNDS_S, Histogram, Metrics
from tacit.relay.watch import SWEEP_S, check_deadlines
from tacit.wire import errors
from tests.relay.peers import Moves, Someone, commit, message, running

counts = st.integers(0, 10_000)
steps = st.lists(st.sampled_from([-1, 1]), max_size=200)


def shown_of(crowd: Crowd, walk: Iterable[int]) -> list[int]:
    return [crowd.show(count) for count in walk]


# ---- blurred ----


@given(counts, steps)
def test_a_count_of_people_is_near_the_truth_and_shows_no_single_one(start: int, walk: list[int]):
    crowd, count = Crowd(), start
    shown = [crowd.show(count)]
    for step in walk:
        count = max(0, count + step)
        shown.append(crowd.show(count))
        assert shown[-1] % STEP == 0
        assert shown[-1] >= STEP
        assert -STEP // 2 <= shown[-1] - max(count, 1) < STEP * 3 // 2
    # Between two changes of what is shown, several people have come or gone.
    changes = [place for place, (before, after) in enumerate(pairwise(shown)) if before != after]
    assert all(later - earlier > STEP // 2 for earlier, later in pairwise(changes))


@given(counts)
def test_one_who_comes_and_goes_all_day_moves_a_count_once_at_most(count: int):
    shown = shown_of(Crowd(), [count, count + 1] * 50)
    assert sum(before != after for before, after in pairwise(shown)) <= 1


def test_on_a_small_relay_nobody_can_tell_how_many_are_there():
    assert set(shown_of(Crowd(), [0, 1, 2, 15, 3, 0, 15, 7])) == {STEP}


@given(st.lists(st.integers(0, 30), max_size=50))
def test_what_people_do_is_counted_in_tens_and_never_back(added: list[int]):
    total = 0
    shown = [0]
    for more in added:
        total += more
        shown.append(blur.deeds(total))
    assert all(one % STEP == 0 for one in shown)
    assert shown == sorted(shown)
    assert 0 <= total - shown[-1] < STEP


@given(st.integers(0, 10**13))
def test_sizes_are_told_in_steps_that_no_message_fills(size_bytes: int):
    told = blur.size(size_bytes)
    assert told % SIZE_STEP_BYTES == 0
    assert 0 <= told - size_bytes < SIZE_STEP_BYTES


@given(st.lists(st.floats(0, 30), max_size=100))
def test_a_histogram_moves_only_in_tens_and_its_sum_with_them(values: list[float]):
    histogram = Histogram(LATENCY_BOUNDS_S)
    before = histogram.show()
    for value in values:
        histogram.observe(value)
        after = histogram.show()
        assert all(count % STEP == 0 for count in after.upto)
        assert list(after.upto) == sorted(after.upto)
        assert all(late >= early for early, late in zip(before.upto, after.upto, strict=True))
        assert after.total >= before.total
        assert (after.total == before.total) or (after.upto != before.upto)
        before = after
    assert sum(histogram.counts) == len(values)


# ---- right ----


def test_quantiles_are_upper_estimates_within_a_bound():
    histogram = Histogram((1.0, 2.0, 4.0))
    assert histogram.quantile(0.5) is None
    for value in [0.5] * 50 + [1.5] * 40 + [3.0] * 10:
        histogram.observe(value)
    assert histogram.quantile(0.5) == 1.0
    assert histogram.quantile(0.9) == 2.0
    assert histogram.quantile(0.95) == 3.0
    for _ in range(100):
        histogram.observe(100.0)
    assert histogram.quantile(0.99) == 4.0


def test_refusals_for_the_relays_own_fault_are_told_exactly_and_others_in_tens():
    metrics = Metrics()
    metrics.refusals.update({"storage-full": 1, "internal": 3, "invite-invalid": 19})
    assert metrics.snapshot()["refusals_total"] == {"storage-full": 1, "internal": 3, "invite-invalid": 10}


async def figures(world: Any) -> dict[str, Any]:
    context = world.relay._context
    context.metrics.measured.at_s = float("-inf")
    await measure(context)
    return context.metrics.snapshot()


async def test_messages_are_counted_once_and_their_deliveries_by_reader(tmp_path: Path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        log = await alice.create_log()
        await alice.ask(commit(log, b"", 0, readers_added=[bob.someone.address]))
        await alice.listen(log)
        await bob.listen(log, after=1)
        before = await figures(world)
        sent = [message(log, b"%d" % number) for number in range(50)]
        await asyncio.gather(*(alice.ask(one) for one in sent))
        await alice.take(51)
        await bob.take(50)
        for one in sent[:20]:
            await alice.ask(one)  # repeats
        after = await figures(world)
        assert after["appends_total"] - before["appends_total"] == 50
        assert after["deliveries_total"] - before["deliveries_total"] == 100
        # Who comes later is given what waits, from the store.
        other = await world.back(bob.someone)
        await other.listen(log, after=1)
        await other.take(50)
        assert (await figures(world))["deliveries_total"] - after["deliveries_total"] == 50
        assert after["transaction_seconds"]["count"] >= 20
        assert after["delivery_seconds"]["p99"] < 20
        assert after["transaction_changes"]["count"] == after["transaction_seconds"]["count"]


async def test_every_figure_is_declared_and_every_declared_one_is_there(tmp_path: Path):
    async with running(tmp_path, metrics_port=0) as world:
        assert set(await figures(world)) == {figure.name for figure in FIGURES}
    async with running(None) as world:
        shown = await figures(world)
        missing = {figure.name for figure in FIGURES} - set(shown)
        assert missing == {"store_bytes", "wal_bytes", "disk_bytes", "disk_free_bytes", "ready"}


async def test_people_are_counted_and_blurred(tmp_path: Path):
    async with running(tmp_path) as world:
        peers = [await world.join() for _ in range(20)]
        strangers = [await world.connect() for _ in range(17)]
        shown = await figures(world)
        assert (shown["accounts"], shown["sessions"], shown["connections"], shown["strangers"]) == (20, 20, 40, 20)
        assert (shown["logins_total"], shown["registrations_total"], shown["connections_opened_total"]) == (20, 20, 30)
        for peer in [*peers, *strangers]:
            await peer.close()
        shown = await figures(world)
        assert (shown["accounts"], shown["sessions"], shown["strangers"]) == (20, 10, 10)


async def test_refusals_are_counted_by_code_and_ends_by_reason(tmp_path: Path):
    async with running(tmp_path) as world:
        alice = await world.join()
        for _ in range(10):
            with pytest.raises(errors.UnknownLog):
                await alice.append(b"x" * 16, b"")
            stranger = await world.connect()
            for _ in range(3):
                with pytest.raises(errors.BadSignature):
                    await stranger.login(alice.someone, signature=bytes(64))
            await stranger.wait_ended()
        broken = [world.raw_link() for _ in range(10)]
        for link in broken:
            await link.receive()
            await link.send(b"\xff" * 20)
            await world.one_gone()
        shown = await figures(world)
        assert shown["refusals_total"] == {"bad-signature": 30, "malformed": 10, "unknown-log": 10}
        assert shown["cut_off_total"] == {"login-failures": 10, "malformed": 10}
        assert world.relay._context.metrics.logins == 1


async def test_connections_that_are_turned_away_are_counted(tmp_path: Path):
    async with running(tmp_path) as world:
        door = world.relay._context.addresses
        entered = [door.enter("192.0.2.1") for _ in range(limits.MAX_CONNECTIONS_PER_ADDRESS + 50)]
        assert (await figures(world))["turned_away_total"] == blur.deeds(entered.count(False)) >= 40


async def test_what_takes_too_long_is_counted(tmp_path: Path):
    async with running(tmp_path) as world:
        strangers = [await world.connect() for _ in range(10)]
        for connection in tuple(world.relay._connections):
            check_deadlines(connection, connection.began_s + 60)
        await asyncio.gather(*(stranger.wait_ended() for stranger in strangers))
        assert (await figures(world))["cut_off_total"] == {"login-timeout": 10}


async def test_the_disks_size_and_what_waits_are_told(tmp_path: Path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), Someone.new()
        await (await world.join(bob)).close()
        log = await alice.create_log()
        await alice.ask(commit(log, b"", 0, readers_added=[bob.address]))
        for _ in range(40):
            await alice.append(log, bytes(60_000))
        shown = await figures(world)
        assert shown["held_bytes"] == 3 * SIZE_STEP_BYTES
        assert shown["wal_bytes"] + shown["store_bytes"] >= 3 * SIZE_STEP_BYTES
        assert 0 < shown["disk_free_bytes"] <= shown["disk_bytes"]
        assert shown["memory_bytes"] > 10 * SIZE_STEP_BYTES
        assert (shown["write_queue_bytes"], shown["send_queue_bytes"]) == (0, 0)


async def test_a_disk_that_refuses_is_counted_exactly(tmp_path: Path):
    async with running(tmp_path) as world:
        alice = await world.join()
        log = await alice.create_log()
        store = world.relay._context.store
        await store.change(lambda db: db.execute("PRAGMA query_only = ON").fetchall())
        with pytest.raises(errors.StorageFailed):
            await alice.append(log, b"not kept")
        metrics = world.relay._context.metrics
        assert metrics.last_failure == "storage-failed"
        shown = await figures(world)
        assert (shown["failed_transactions_total"], shown["refusals_total"]) == (1, {"storage-failed": 1})


async def test_sweeps_are_counted(tmp_path: Path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        await world.join()
        metrics = world.relay._context.metrics
        assert (await figures(world))["sweeps_total"] == 0
        clock.forward(SWEEP_S)
        async with asyncio.timeout(20):
            while not metrics.sweeps:
                await world.relay._context.store.change(lambda _: None)
        assert (await figures(world))["sweeps_total"] == 1
