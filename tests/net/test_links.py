"""Both ends of a link over real TLS on loopback, whatever carries the frames."""

from __future__ import annotations

import asyncio
import hashlib
import secrets

import pytest

from tacit import limits
from tacit.net import CloseCode, FrameLink, FrameTooLarge, LinkClosed, connect
from tacit.net.bounds import Bounds
from tests.net.conftest import TELL_CODES, Held, Pem, Where, echo, serving


async def test_frames_go_round_and_arrive_whole(pem: Pem, carrier: str) -> None:
    async with serving(pem, transport=carrier) as listener:
        link = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        frames = [b"", b"x", secrets.token_bytes(125), secrets.token_bytes(126), secrets.token_bytes(65_000)]
        for frame in frames:
            await link.send(frame)
        assert [await link.receive() for _ in frames] == frames
        assert link.transport == carrier
        await link.close()


async def test_the_client_sees_the_hash_of_the_certificate_that_was_shown(pem: Pem, carrier: str) -> None:
    async with serving(pem, transport=carrier) as listener:
        link = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        assert link.peer_certificate_hash == hashlib.sha256(pem.der).digest()
        await link.close()


async def test_the_largest_frame_passes_once_the_limit_is_raised(pem: Pem, carrier: str) -> None:
    async def member(link: FrameLink) -> None:
        link.limit_frames(limits.MAX_FRAME_BYTES)
        await link.send(b"raised")
        await echo(link)

    async with serving(pem, member, carrier) as listener:
        link = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        assert await link.receive() == b"raised"
        frame = secrets.token_bytes(limits.MAX_FRAME_BYTES)
        await link.send(frame)
        assert await link.receive() == frame
        with pytest.raises(FrameTooLarge):
            await link.send(frame + b"x")
        await link.send(b"still open")
        assert await link.receive() == b"still open"
        await link.close()


async def test_a_stranger_may_not_send_more_than_the_login_limit(pem: Pem, carrier: str) -> None:
    async with serving(pem, transport=carrier) as listener:
        link = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        await link.send(b"x" * limits.MAX_LOGIN_FRAME_BYTES)
        assert len(await link.receive()) == limits.MAX_LOGIN_FRAME_BYTES
        await link.send(b"x" * (limits.MAX_LOGIN_FRAME_BYTES + 1))
        with pytest.raises(LinkClosed) as closed:
            await link.receive()
        assert closed.value.close_code == CloseCode.TOO_BIG or carrier not in TELL_CODES
        await link.close()


async def test_an_oversized_frame_is_refused_with_1009_after_what_came_before(pem: Pem, carrier: str) -> None:
    held = Held()
    async with serving(pem, held, carrier) as listener:
        client = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        server = await held.links.get()
        await client.send(b"fine")
        await client.send(bytes(Bounds().first_max_frame + 1))
        assert await server.receive() == b"fine"
        with pytest.raises(LinkClosed) as refused:
            await server.receive()
        assert refused.value.close_code == CloseCode.TOO_BIG
        with pytest.raises(LinkClosed) as told:
            await client.receive()
        assert told.value.close_code == CloseCode.TOO_BIG or carrier not in TELL_CODES
        held.done.set()


async def test_a_stranger_who_sends_very_much_at_once_is_refused_with_1009(pem: Pem, carrier: str) -> None:
    held = Held()
    async with serving(pem, held, carrier) as listener:
        client = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        server = await held.links.get()
        await client.send(bytes(1_000_000))
        with pytest.raises(LinkClosed) as refused:
            await server.receive()
        assert refused.value.close_code == CloseCode.TOO_BIG
        with pytest.raises(LinkClosed):
            await client.receive()
        held.done.set()


async def test_a_relay_that_sends_too_much_is_left_with_1009(pem: Pem, carrier: str) -> None:
    held = Held()
    async with serving(pem, held, carrier) as listener:
        client = await connect(Where(listener.port, scheme=carrier), timeout_s=5, max_frame=1_000)
        server = await held.links.get()
        await server.send(b"x" * 1_000)
        assert len(await client.receive()) == 1_000
        await server.send(b"x" * 1_001)
        for link in (client, server):
            with pytest.raises(LinkClosed) as closed:
                await link.receive()
            assert closed.value.close_code == CloseCode.TOO_BIG or (link is server and carrier not in TELL_CODES)
        held.done.set()


@pytest.mark.parametrize("closer", ["client", "server"])
async def test_a_close_carries_code_and_reason(pem: Pem, carrier: str, closer: str) -> None:
    held = Held()
    async with serving(pem, held, carrier) as listener:
        client = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        server = await held.links.get()
        ends = {"client": client, "server": server}
        here = ends.pop(closer)
        (there,) = ends.values()
        await here.send(b"last words")
        closing = asyncio.create_task(here.close("done \x1b[0m", CloseCode.GOING_AWAY))
        assert await there.receive() == b"last words"
        with pytest.raises(LinkClosed) as closed:
            await there.receive()
        told = (CloseCode.GOING_AWAY, "done [0m") if carrier in TELL_CODES else (CloseCode.NORMAL, "")
        assert (closed.value.close_code, closed.value.reason) == told
        await closing
        for attempt in (here.receive(), here.send(b"x")):
            with pytest.raises(LinkClosed) as again:
                await attempt
            assert again.value.close_code == CloseCode.GOING_AWAY
        for attempt in (there.receive(), there.send(b"x")):
            with pytest.raises(LinkClosed) as again:
                await attempt
            assert again.value.close_code == told[0]
        held.done.set()


async def test_a_close_ends_a_waiting_receive_of_the_same_end(pem: Pem, carrier: str) -> None:
    held = Held()
    async with serving(pem, held, carrier) as listener:
        client = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        server = await held.links.get()
        for link in (server, client):
            waiting = asyncio.create_task(link.receive())
            await asyncio.sleep(0)
            if link is client:
                with pytest.raises(LinkClosed):
                    await waiting
                continue
            peer = asyncio.create_task(client.receive())
            await link.close("mine")
            with pytest.raises(LinkClosed) as closed:
                await waiting
            assert closed.value.reason == "mine"
            with pytest.raises(LinkClosed):
                await peer
        held.done.set()


@pytest.mark.parametrize("cutter", ["client", "server"])
async def test_an_abrupt_end_is_seen_as_abnormal(pem: Pem, carrier: str, cutter: str) -> None:
    held = Held()
    async with serving(pem, held, carrier) as listener:
        client = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        server = await held.links.get()
        ends = {"client": client, "server": server}
        here = ends.pop(cutter)
        (there,) = ends.values()
        waiting = asyncio.create_task(here.receive())
        await asyncio.sleep(0)
        here.abort()
        for attempt in (waiting, there.receive(), there.receive(), here.send(b"x")):
            with pytest.raises(LinkClosed) as closed:
                await attempt
            assert closed.value.close_code == CloseCode.ABNORMAL
        await there.close()
        held.done.set()


async def test_a_slow_reader_holds_the_writer_up_and_loses_nothing(pem: Pem, carrier: str) -> None:
    held = Held()
    frame = secrets.token_bytes(60_000)
    async with serving(pem, held, carrier) as listener:
        client = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        server = await held.links.get()
        sent: list[int] = []

        async def write() -> None:
            for n in range(400):
                await server.send(frame)
                sent.append(n)

        writer = asyncio.create_task(write())
        # The writer stops on its own, long before 400 frames, once every buffer on the way is full.
        await asyncio.wait([writer], timeout=0.5)
        assert 0 < len(sent) < 300
        for _ in range(400):
            assert await client.receive() == frame
        await writer
        held.done.set()
        await client.close()


async def test_frames_that_leave_together_arrive_one_by_one_and_in_order(pem: Pem, carrier: str) -> None:
    held = Held()
    async with serving(pem, held, carrier) as listener:
        client = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        server = await held.links.get()
        frames = [b"%d" % n for n in range(200)]
        await server.send_many(frames)
        assert [await client.receive() for _ in frames] == frames
        with pytest.raises(FrameTooLarge):
            await server.send_many([b"x", bytes(limits.MAX_FRAME_BYTES + 1)])
        await client.send_many(frames)
        received: list[bytes] = []
        while len(received) < len(frames):
            received += await server.receive_many()
        assert received == frames
        held.done.set()
        await client.close()


async def test_who_sends_what_nobody_receives_is_held_up_and_neither_lost_nor_taken_for_dead(
    pem: Pem, carrier: str
) -> None:
    held = Held()
    async with serving(pem, held, carrier, bounds=Bounds(idle_timeout_s=0.2)) as listener:
        client = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        server = await held.links.get()
        server.limit_frames(limits.MAX_FRAME_BYTES)
        sent: list[int] = []

        async def write() -> None:
            for n in range(400):
                await client.send(n.to_bytes(2, "big") * 30_000)
                sent.append(n)

        writer = asyncio.create_task(write())
        await asyncio.wait([writer], timeout=0.8)
        assert 0 < len(sent) < 300
        received: list[bytes] = []
        while len(received) < 400:
            received += await server.receive_many()
        await writer
        assert [int.from_bytes(frame[:2], "big") for frame in received] == list(range(400))
        held.done.set()
        await client.close()


async def test_a_reader_that_stays_slow_is_cut_off(pem: Pem, carrier: str) -> None:
    held = Held()
    async with serving(pem, held, carrier, bounds=Bounds(slow_reader_s=0.2)) as listener:
        client = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        server = await held.links.get()
        with pytest.raises(LinkClosed) as closed:
            await _send_for_ever(server)
        assert closed.value.close_code == CloseCode.ABNORMAL
        client.abort()
        held.done.set()


async def test_closing_towards_a_reader_that_never_reads_ends_in_time(pem: Pem, carrier: str) -> None:
    held = Held()
    async with serving(pem, held, carrier) as listener:
        client = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        server = await held.links.get()
        stuck = asyncio.create_task(_send_for_ever(server))
        await asyncio.wait([stuck], timeout=0.2)
        assert not stuck.done()
        async with asyncio.timeout(20):
            await server.close()
            with pytest.raises(LinkClosed):
                await stuck
        client.abort()
        held.done.set()


async def test_many_writers_keep_their_frames_whole_and_one_cancelled_hurts_no_other(pem: Pem, carrier: str) -> None:
    held = Held()
    async with serving(pem, held, carrier) as listener:
        client = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        server = await held.links.get()
        writers = [asyncio.create_task(server.send(bytes([n]) * 1_000_000)) for n in range(40)]
        _, stuck = await asyncio.wait(writers, timeout=0.2)
        assert len(stuck) > 10
        for writer in sorted(stuck, key=writers.index)[::2]:
            writer.cancel()
        wanted = {n for n, writer in enumerate(writers) if not writer.cancelling()}
        while wanted:
            frame = await client.receive()
            assert frame == frame[:1] * 1_000_000
            wanted.discard(frame[0])
        results = await asyncio.gather(*writers, return_exceptions=True)
        assert [isinstance(r, asyncio.CancelledError) for r in results] == [bool(w.cancelling()) for w in writers]
        held.done.set()
        await client.close()


async def test_signs_of_life_keep_a_quiet_link_open(pem: Pem, carrier: str) -> None:
    held = Held()
    async with serving(pem, held, carrier, bounds=Bounds(idle_timeout_s=0.3)) as listener:
        client = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        server = await held.links.get()
        receiving = [asyncio.create_task(link.receive()) for link in (client, server)]
        done, _ = await asyncio.wait(receiving, timeout=1)
        assert not done
        await server.send(b"alive")
        assert await receiving[0] == b"alive"
        await client.send(b"too")
        assert await receiving[1] == b"too"
        held.done.set()
        await client.close()


async def test_when_the_handler_returns_the_link_is_closed(pem: Pem, carrier: str) -> None:
    async def once(link: FrameLink) -> None:
        await link.send(await link.receive())

    async with serving(pem, once, carrier) as listener:
        client = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        await client.send(b"hello")
        assert await client.receive() == b"hello"
        with pytest.raises(LinkClosed) as closed:
            await client.receive()
        assert closed.value.close_code == CloseCode.NORMAL


async def test_a_broken_handler_ends_its_own_link_only(
    pem: Pem, carrier: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def fragile(link: FrameLink) -> None:
        frame = await link.receive()
        if frame == b"break":
            raise KeyError("some content")
        await link.send(frame)
        await link.receive()

    async with serving(pem, fragile, carrier) as listener:
        good = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        bad = await connect(Where(listener.port, scheme=carrier), timeout_s=5)
        await bad.send(b"break")
        with pytest.raises(LinkClosed) as closed:
            await bad.receive()
        assert closed.value.close_code == CloseCode.INTERNAL_ERROR or carrier not in TELL_CODES
        await good.send(b"fine")
        assert await good.receive() == b"fine"
        await good.close()
    assert "handler-failed error='KeyError'" in caplog.text
    assert "some content" not in caplog.text
    assert "127.0.0.1" not in caplog.text


async def _send_for_ever(link: FrameLink) -> None:
    while True:
        await link.send(b"x" * 200_000)
