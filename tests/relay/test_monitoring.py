"""The port for monitoring of a running relay: its pages as a monitoring system asks for them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from tacit.net.errors import CannotListen
from tacit.relay import readiness
from tacit.wire.errors import REFUSALS
from tests.relay.peers import RunningRelay, message, running

TEXT = "text/plain; version=0.0.4"
OPEN = "application/openmetrics-text; version=1.0.0"


async def get(world: RunningRelay, path: str, accept: str = TEXT) -> tuple[int, str, str]:
    """Status, type and body of a page."""
    url = f"http://127.0.0.1:{world.relay.metrics_port}{path}"
    async with aiohttp.request("GET", url, headers={"Accept": accept}) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


async def ready(world: RunningRelay) -> tuple[int, list[str]]:
    status, kind, body = await get(world, "/readyz")
    said = json.loads(body)
    assert kind == "application/json"
    assert said["ready"] is (status == 200)
    return status, said["reasons"]


async def scrape(world: RunningRelay) -> dict[str, float]:
    """Samples without labels, by name."""
    world.relay._context.metrics.measured.at_s = float("-inf")
    _, _, body = await get(world, "/metrics")
    return {s.name: s.value for family in read_text(body) for s in family.samples if not s.labels}


async def test_prometheus_reads_what_is_told_in_the_form_that_it_asks_for(tmp_path: Path):
    async with running(tmp_path, metrics_port=0) as world:
        alice = await world.join()
        log = await alice.create_log()
        await alice.listen(log)
        for _ in range(20):
            await alice.append(log, b"x")
        forms: list[dict[str, Any]] = []
        for accept, read in ((TEXT, read_text), (OPEN, read_openmetrics)):
            status, kind, body = await get(world, "/metrics", accept)
            assert (status, kind.partition(";")[0]) == (200, accept.partition(";")[0])
            families = list(read(body))
            assert all(family.documentation for family in families)
            samples = {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}
            forms.append(samples)
        told = forms[0]
        assert told.keys() == forms[1].keys()
        assert (told["tacit_appends_total",], told["tacit_deliveries_total",]) == (20, 20)
        assert told["tacit_transaction_seconds_bucket", "+Inf"] == told["tacit_transaction_seconds_count",] >= 20
        assert told["tacit_transaction_seconds_sum",] > 0
        assert {key[1] for key in told if key[0] == "tacit_refusals_total"} == set(REFUSALS)
        assert told["tacit_ready",] == 1


async def test_a_relay_has_no_such_port_unless_it_is_told(tmp_path: Path):
    async with running(tmp_path) as world:
        assert world.relay.metrics_port == 0


async def test_a_port_that_is_taken_ends_the_start(tmp_path: Path):
    async with running(tmp_path / "one", metrics_port=0) as world:
        with pytest.raises(CannotListen):
            async with running(tmp_path / "other", metrics_port=world.relay.metrics_port):
                pass


async def test_a_relay_is_alive_and_ready(tmp_path: Path):
    async with running(tmp_path, metrics_port=0) as world:
        assert (await get(world, "/healthz"))[::2] == (200, "ok\n")
        assert await ready(world) == (200, [])


async def test_a_disk_that_takes_nothing_makes_it_unready_and_it_recovers_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Nobody writes: it finds out by trying."""
    monkeypatch.setattr(readiness, "FRESH_S", 0.0)
    async with running(tmp_path, metrics_port=0) as world:
        context = world.relay._context
        assert await ready(world) == (200, [])
        await context.store.change(lambda db: db.execute("PRAGMA query_only = ON").fetchall())
        assert await ready(world) == (503, ["storage-failed"])
        assert (await scrape(world))["tacit_ready"] == 0
        assert (await get(world, "/healthz"))[0] == 200
        context.store._writer._db.execute("PRAGMA query_only = OFF")
        assert await ready(world) == (200, [])
        assert (await scrape(world))["tacit_ready"] == 1


async def test_a_disk_without_room_for_the_largest_entry_makes_it_unready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Small entries may still go where others were before; ``tests/ops`` has a disk that is really full."""
    async with running(tmp_path, metrics_port=0) as world:
        alice = await world.join()
        log = await alice.create_log()
        context = world.relay._context
        await context.store.change(lambda db: db.execute("PRAGMA max_page_count = 1").fetchall())
        answers = [await (await alice.begin(message(log, bytes(60_000)))) for _ in range(3)]
        assert answers[-1].code == "storage-full"
        assert (await scrape(world))["tacit_failed_transactions_total"] >= 1
        monkeypatch.setattr(readiness, "NEEDED_BYTES", 2**62)
        assert await ready(world) == (503, ["storage-full"])


async def test_low_resources_are_told_but_leave_it_ready(tmp_path: Path):
    async with running(tmp_path, metrics_port=0) as world:
        world.relay._context.resources.low = frozenset({"memory"})
        _, _, body = await get(world, "/readyz")
        assert json.loads(body) == {"ready": True, "reasons": [], "low": ["memory"]}
        assert (await scrape(world))["tacit_registrations_paused"] == 1


async def test_a_disk_that_hangs_makes_it_unready_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import threading

    monkeypatch.setattr(readiness, "WRITE_TIMEOUT_S", 0.1)
    async with running(tmp_path, metrics_port=0) as world:
        context, goes_on = world.relay._context, threading.Event()
        context.store.submit(lambda _: goes_on.wait(20), lambda _: None)
        try:
            assert await ready(world) == (503, ["storage-slow"])
            assert await asyncio.gather(ready(world), ready(world)) == [(503, ["storage-slow"])] * 2
            assert (await get(world, "/healthz"))[0] == 200
        finally:
            goes_on.set()
        monkeypatch.undo()
        assert await ready(world) == (200, [])


async def test_it_tries_the_disk_itself_now_and_then_whether_or_not_anybody_writes(tmp_path: Path):
    """Else the time that an answer takes would tell."""
    async with running(tmp_path, metrics_port=0) as world:
        alice = await world.join()
        log = await alice.create_log()
        written = world.relay._context.metrics.transactions.counts
        await alice.append(log, b"")
        before = sum(written)
        await ready(world)
        assert sum(written) == before + 1
        await ready(world)
        await get(world, "/metrics")
        assert sum(written) == before + 1, "not at every question"


async def test_a_relay_that_stops_says_so_until_it_has(tmp_path: Path):
    async with running(tmp_path, metrics_port=0) as world:
        alice = await world.join(capacity_frames=1)
        alice._task.cancel()  # reads nothing more, so that the relay waits for it
        for _ in range(4):
            await alice.begin(message(b"x" * 16, b""))
        port = world.relay.metrics_port
        stopping = asyncio.create_task(world.relay.stop())
        async with asyncio.timeout(20):
            while (await ready(world)) != (503, ["shutting-down"]):
                assert not stopping.done()
        assert (await scrape(world))["tacit_stopping"] == 1
        alice.link.abort()
        await stopping
        with pytest.raises(aiohttp.ClientConnectorError):
            await get_port(port)


async def test_a_relay_that_was_drained_stays_unready_and_answers(tmp_path: Path):
    async with running(tmp_path, metrics_port=0) as world:
        alice = await world.join()
        world.relay.drain(60, stay=True)
        await alice.wait_ended()
        assert await ready(world) == (503, ["shutting-down"])
        assert (await get(world, "/healthz"))[0] == 200


async def get_port(port: int) -> None:
    async with aiohttp.request("GET", f"http://127.0.0.1:{port}/healthz"):
        pass
