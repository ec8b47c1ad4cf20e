from __future__ import annotations

import asyncio

import pytest

from tacit.net import CloseCode, FrameLink, LinkClosed
from tacit.net.memory import memory_pair


async def test_frames_arrive_whole_and_in_order_both_ways() -> None:
    here, there = memory_pair()
    for frame in (b"", b"one", b"two" * 1000):
        await here.send(frame)
    await there.send(b"back")
    assert [await there.receive() for _ in range(3)] == [b"", b"one", b"two" * 1000]
    assert await here.receive() == b"back"


async def test_both_ends_are_frame_links() -> None:
    here, there = memory_pair(peer_certificate_hash=b"h" * 32)
    links: list[FrameLink] = [here, there]
    assert [link.transport for link in links] == ["memory", "memory"]
    assert [link.peer_certificate_hash for link in links] == [b"h" * 32, b""]


async def test_a_full_queue_holds_the_sender_until_the_other_end_reads() -> None:
    here, there = memory_pair(capacity_frames=1)
    await here.send(b"1")
    second = asyncio.create_task(here.send(b"2"))
    await asyncio.sleep(0)
    assert not second.done()
    assert await there.receive() == b"1"
    await second
    assert await there.receive() == b"2"


async def test_what_was_sent_before_a_close_still_arrives() -> None:
    here, there = memory_pair()
    await here.send(b"last words")
    await here.close("done", CloseCode.GOING_AWAY)
    assert await there.receive() == b"last words"
    for _ in range(2):
        with pytest.raises(LinkClosed) as closed:
            await there.receive()
        assert (closed.value.close_code, closed.value.reason) == (CloseCode.GOING_AWAY, "done")


async def test_after_a_close_neither_end_sends_and_the_closer_reads_nothing_more() -> None:
    here, there = memory_pair()
    await there.send(b"unread")
    await here.close()
    await here.close("twice is once")
    for attempt in (here.receive(), here.send(b"x"), there.send(b"x")):
        with pytest.raises(LinkClosed):
            await attempt


async def test_an_abort_drops_what_is_under_way() -> None:
    here, there = memory_pair()
    await here.send(b"lost")
    here.abort()
    with pytest.raises(LinkClosed) as closed:
        await there.receive()
    assert closed.value.close_code == CloseCode.ABNORMAL


async def test_a_close_wakes_a_waiting_reader_and_a_waiting_writer() -> None:
    here, there = memory_pair(capacity_frames=1)
    await here.send(b"fills the queue")
    writer = asyncio.create_task(here.send(b"waits"))
    reader = asyncio.create_task(here.receive())
    await asyncio.sleep(0)
    await there.close("enough")
    for task in (writer, reader):
        with pytest.raises(LinkClosed):
            await task


async def test_a_frame_above_the_limit_ends_the_link_with_1009() -> None:
    here, there = memory_pair()
    there.limit_frames(10)
    await here.send(b"x" * 10)
    await here.send(b"x" * 11)
    assert await there.receive() == b"x" * 10
    with pytest.raises(LinkClosed) as closed:
        await there.receive()
    assert closed.value.close_code == CloseCode.TOO_BIG
    with pytest.raises(LinkClosed) as seen:
        await here.receive()
    assert seen.value.close_code == CloseCode.TOO_BIG


async def test_a_cancelled_receive_loses_no_frame() -> None:
    here, there = memory_pair()
    waiting = asyncio.create_task(there.receive())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await here.send(b"still here")
    assert await there.receive() == b"still here"


async def test_a_cancelled_send_hands_nothing_over() -> None:
    here, there = memory_pair(capacity_frames=1)
    await here.send(b"1")
    waiting = asyncio.create_task(here.send(b"never"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await there.receive() == b"1"
    await here.send(b"2")
    assert await there.receive() == b"2"


def test_a_foreign_reason_is_printable_and_short() -> None:
    closed = LinkClosed(1000, "a\x1b[31mb\u202ec\n" + "d" * 500)
    assert closed.reason.startswith("a[31mbcddd")
    assert len(closed.reason) == 123
