"""The queue of frames to one peer: what leaves together, and what stays while the peer does not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tacit import limits
from tacit.net.errors import LinkClosed
from tacit.net.links import FrameLink
from tacit.net.memory import memory_pair
from tacit.relay.hub import Flow, Hub
from tacit.relay.outgoing import SEND_BYTES, Outgoing
from tacit.relay.store import Store
from tacit.relay.store.rows import DeviceRow, LogRow


@asynccontextmanager
async def sending(capacity_frames: int) -> AsyncIterator[tuple[Outgoing, FrameLink]]:
    """An outgoing side at work, and the peer's end of its link."""
    ours, theirs = memory_pair(capacity_frames=capacity_frames)
    store = Store(None)
    outgoing = Outgoing(ours, store, Hub(), lambda places: None)
    task = asyncio.create_task(outgoing.run())
    try:
        yield outgoing, theirs
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.close()


async def until_it_waits() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_is_queued_while_others_are_leaving_leaves_once_and_behind_them() -> None:
    frames = [b"%d" % number for number in range(60)]
    async with sending(capacity_frames=3) as (outgoing, peer):
        for start in range(0, 60, 20):
            for frame in frames[start : start + 20]:
                outgoing.push(frame)
            await until_it_waits()
        received = [await peer.receive() for _ in frames]
        outgoing.end(None, "done")
        with pytest.raises(LinkClosed):
            received.append(await peer.receive())
    assert received == frames
    assert outgoing.queued_bytes == 0


async def test_a_peer_that_does_not_read_has_a_full_queue_and_a_growing_stall() -> None:
    async with sending(capacity_frames=1) as (outgoing, peer):
        for _ in range(limits.SEND_QUEUE_FRAMES + 1):
            outgoing.push(b"x")
        await until_it_waits()
        assert outgoing.is_full
        assert outgoing.stalled_s(100.0) == 0.0
        assert outgoing.stalled_s(130.0) == 30.0
        waiting = asyncio.create_task(outgoing.drained())
        await until_it_waits()
        assert not waiting.done()
        for _ in range(limits.SEND_QUEUE_FRAMES + 1):
            await peer.receive()
        await asyncio.wait_for(waiting, 20)
        assert outgoing.stalled_s(140.0) == 0.0


async def test_of_a_peer_that_does_not_read_only_so_many_listens_wait_for_their_answer() -> None:
    answers = [b"%d" % number for number in range(limits.MAX_REQUESTS_IN_FLIGHT)]
    async with sending(capacity_frames=1) as (outgoing, peer):
        for _ in range(3):
            outgoing.push(b"x")
        await until_it_waits()
        for answer in answers:
            assert not outgoing.is_full
            outgoing.listen({Flow(outgoing, DeviceRow(1), LogRow(1), b"log", after=0): 1}, answer)
        assert outgoing.is_full
        waiting = asyncio.create_task(outgoing.drained())
        await until_it_waits()
        assert not waiting.done()
        async with asyncio.timeout(20):
            received = [await peer.receive() for _ in range(3 + len(answers))]
            await waiting
    assert received[3:] == answers


async def test_a_flow_of_a_log_that_is_gone_ends_though_something_was_published_to_it() -> None:
    async with sending(capacity_frames=1) as (outgoing, peer):
        flow = Flow(outgoing, DeviceRow(1), LogRow(1), b"log", after=0)
        outgoing.listen({flow: 1}, b"answer")
        flow.head_seq = 1
        async with asyncio.timeout(20):
            assert await peer.receive() == b"answer"
        assert flow.closed


@pytest.mark.parametrize("size_bytes", [SEND_BYTES // 2 + 1, SEND_BYTES, 3 * SEND_BYTES])
async def test_frames_of_any_size_all_leave(size_bytes: int) -> None:
    async with sending(capacity_frames=2) as (outgoing, peer):
        for number in range(5):
            outgoing.push(bytes((number,)) * size_bytes)
        assert [(await peer.receive())[0] for _ in range(5)] == [0, 1, 2, 3, 4]
        await until_it_waits()
        assert outgoing.queued_bytes == 0
