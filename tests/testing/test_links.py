"""Ways and meddlers: each does to the frames what its name says, and nothing to the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tacit.net.errors import ConnectionRefused, LinkClosed
from tacit.net.links import FrameLink
from tacit.net.memory import MemoryLink, memory_pair
from tacit.testing import faults
from tacit.testing.clock import run_in_world, world_loop
from tacit.testing.evil import push, rewrite, rewrite_request
from tacit.testing.links import Way
from tacit.wire import relay_pb2 as pb
from tacit.wire.frames import decode_request, decode_response, encode_request, encode_response


class Ends:
    """A way, its client's end and the relay's end."""

    def __init__(self) -> None:
        self.relay: MemoryLink
        self.way = Way(self._dial)
        self.client: FrameLink
        self._seqs: list[int] = []

    async def connect(self) -> None:
        self.client = await self.way.connect()

    async def _dial(self) -> FrameLink:
        client, self.relay = memory_pair()
        return client

    async def push(self, *seqs: int) -> None:
        for seq in seqs:
            await self.relay.send(entry(seq))

    async def received(self) -> list[int]:
        """Sequence numbers of what has arrived at the client by now; -1 for what is not an entry."""
        await world_loop().settle()
        reading, seqs = asyncio.create_task(self._read()), self._seqs
        await world_loop().settle()
        reading.cancel()
        found = list(seqs)
        seqs.clear()
        return found

    async def _read(self) -> None:
        while True:
            body = decode_response(await self.client.receive()).body
            self._seqs.append(body.seq if isinstance(body, pb.Entry) else -1)


def entry(seq: int) -> bytes:
    return encode_response(0, pb.Entry(log_id=b"l" * 16, seq=seq, payload=b"p"))


def append(n: int) -> bytes:
    return encode_request(n, pb.Append(log_id=b"l" * 16, payload=b"p"))


def with_ends(story: Callable[[Ends], Awaitable[None]]) -> None:
    async def run() -> None:
        ends = Ends()
        await ends.connect()
        await story(ends)
        await ends.client.close()
        await world_loop().settle()

    run_in_world(run)


def test_a_way_that_nobody_meddles_with_changes_nothing() -> None:
    async def story(ends: Ends) -> None:
        await ends.push(1, 2, 3)
        assert await ends.received() == [1, 2, 3]
        await ends.client.send(append(1))
        assert await ends.relay.receive() == append(1)
        assert [(p.name, p.to_relay) for p in ends.way.passed] == [("entry", False)] * 3 + [("append", True)]

    with_ends(story)


def test_a_closed_way_refuses_and_ends_what_was_there() -> None:
    async def story(ends: Ends) -> None:
        ends.way.close()
        with pytest.raises(LinkClosed):
            await ends.client.receive()
        with pytest.raises(LinkClosed):
            await ends.relay.receive()
        with pytest.raises(ConnectionRefused):
            await ends.way.connect()
        ends.way.reopen()
        await ends.connect()
        await ends.push(1)
        assert await ends.received() == [1]
        assert ends.way.connections == 2

    with_ends(story)


def test_what_the_relay_said_before_it_closed_still_arrives() -> None:
    async def story(ends: Ends) -> None:
        await ends.push(1)
        await ends.relay.close()
        assert decode_response(await ends.client.receive()).name == "entry"
        for _ in range(2):
            with pytest.raises(LinkClosed):
                await ends.client.receive()

    with_ends(story)


def test_a_cut_at_a_request_keeps_it_from_the_relay() -> None:
    async def story(ends: Ends) -> None:
        ends.way.meddle(faults.cut_at(faults.named("append", nth=2)))
        await ends.client.send(append(1))
        assert await ends.relay.receive() == append(1)
        with pytest.raises(LinkClosed):
            await ends.client.send(append(2))
        with pytest.raises(LinkClosed):
            await ends.relay.receive()

    with_ends(story)


def test_a_cut_at_an_answer_keeps_it_from_the_client() -> None:
    async def story(ends: Ends) -> None:
        ends.way.meddle(faults.cut_at(faults.named("appended")))
        await ends.relay.send(encode_response(1, pb.Appended(seq=1)))
        with pytest.raises(LinkClosed):
            await ends.client.receive()

    with_ends(story)


def test_a_cut_at_the_nth_frame_counts_both_directions() -> None:
    async def story(ends: Ends) -> None:
        ends.way.meddle(faults.cut_at(faults.numbered(3)))
        await ends.client.send(append(1))
        await ends.push(1)
        assert await ends.received() == [1]
        with pytest.raises(LinkClosed):
            await ends.client.send(append(2))

    with_ends(story)


def test_frames_are_lost_repeated_and_put_in_reverse() -> None:
    async def story(ends: Ends) -> None:
        remove = ends.way.meddle(faults.lose(faults.named("entry", nth=2)))
        await ends.push(1, 2, 3)
        assert await ends.received() == [1, 3]
        remove()
        remove = ends.way.meddle(faults.repeat(faults.named("entry"), 3))
        await ends.push(4)
        assert await ends.received() == [4, 4, 4]
        remove()
        ends.way.meddle(faults.reverse(faults.named("entry"), 3))
        await ends.push(5, 6, 7, 8)
        await ends.relay.send(encode_response(1, pb.Listening()))
        assert await ends.received() == [7, 6, 5, 8, -1]

    with_ends(story)


def test_a_delay_holds_everything_behind_it_and_an_overtaken_frame_does_not() -> None:
    async def story(ends: Ends) -> None:
        remove = ends.way.meddle(faults.delay(faults.named("entry", nth=1), 10))
        await ends.push(1, 2)
        assert await ends.received() == []
        await asyncio.sleep(10)
        assert await ends.received() == [1, 2]
        remove()
        ends.way.meddle(faults.overtake(faults.named("entry", nth=1), 10))
        await ends.push(3, 4)
        assert await ends.received() == [4]
        await asyncio.sleep(10)
        assert await ends.received() == [3]

    with_ends(story)


def test_a_request_can_be_overtaken_too() -> None:
    async def story(ends: Ends) -> None:
        ends.way.meddle(faults.overtake(faults.named("append", nth=1), 10))
        await ends.client.send(append(1))
        await ends.client.send(append(2))
        assert await ends.relay.receive() == append(2)
        assert await ends.relay.receive() == append(1)
        assert world_loop().time() == pytest.approx(10)

    with_ends(story)


def test_meddlers_see_what_the_one_before_let_through() -> None:
    async def story(ends: Ends) -> None:
        def tenfold(body: pb.Entry) -> pb.Entry:
            body.seq *= 10
            return body

        ends.way.meddle(faults.lose(faults.named("entry", nth=1)))
        ends.way.meddle(rewrite("entry", tenfold))
        ends.way.meddle(rewrite("entry", lambda body: [body, body]))
        await ends.push(1, 2)
        assert await ends.received() == [20, 20]
        assert [p.body.seq for p in ends.way.passed] == [1, 2]

    with_ends(story)


def test_requests_are_rewritten_and_keep_their_id() -> None:
    async def story(ends: Ends) -> None:
        def grow(body: pb.Append) -> pb.Append:
            body.payload = b"other"
            return body

        ends.way.meddle(rewrite_request("append", grow))
        await ends.client.send(append(7))
        arrived = decode_request(await ends.relay.receive())
        assert isinstance(arrived.body, pb.Append)
        assert (arrived.request_id, arrived.body.payload) == (7, b"other")

    with_ends(story)


def test_a_push_out_of_nowhere_arrives() -> None:
    async def story(ends: Ends) -> None:
        push(ends.way, pb.Entry(log_id=b"l" * 16, seq=99))
        assert await ends.received() == [99]

    with_ends(story)


def test_bytes_that_are_no_frame_pass_and_have_no_name() -> None:
    async def story(ends: Ends) -> None:
        await ends.client.send(b"\xff\xff")
        assert await ends.relay.receive() == b"\xff\xff"
        assert ends.way.passed[0].name == ""

    with_ends(story)
