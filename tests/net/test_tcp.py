"""What is TCP's own about a link: lengths, words without a frame, TLS's goodbye; and who is not let in."""

from __future__ import annotations

import asyncio
import gc
import itertools
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit import limits
from tacit.net import (
    CannotListen,
    CloseCode,
    ConnectionRefused,
    ConnectTimeout,
    FrameLink,
    LinkClosed,
    NameNotFound,
    NameNotVerified,
    NotARelay,
    connect,
)
from tacit.net.bounds import Bounds
from tacit.net.held import HELD_FRAMES, MAX_UNWANTED, MAX_UNWANTED_BYTES, STRANGERS_FRAMES, STRANGERS_UNWANTED
from tacit.net.tcp_client import connect_tcp
from tacit.net.tcp_frames import ARE_YOU_THERE, HERE_I_AM, WORDS_PER_TICK, Incoming, encode_frames
from tacit.net.tcp_link import TcpLink
from tacit.net.tcp_served import serve_tcp
from tacit.net.tls import client_context, server_context
from tests.net.conftest import Held, Pem, Where, leap, serving


@asynccontextmanager
async def stranger(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection of somebody who writes what they like."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_context(alpn=()))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


# ---- frames ----


def member() -> Incoming:
    incoming = Incoming(Bounds())
    incoming.limit_frames(limits.MAX_FRAME_BYTES)
    return incoming


@given(st.lists(st.binary(max_size=300), max_size=20), st.lists(st.integers(0, 3_000), max_size=30))
def test_frames_are_the_same_however_the_bytes_are_cut(frames: list[bytes], cuts: list[int]) -> None:
    incoming, data = member(), encode_frames(frames)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in itertools.pairwise(places):
        incoming.feed(data[start:end])
    assert incoming.held.take_all() == frames
    incoming.hang_up()
    assert incoming.last is not None
    assert incoming.last.close_code == CloseCode.NORMAL


@given(st.binary(max_size=400))
def test_any_bytes_are_frames_or_the_end(data: bytes) -> None:
    incoming = Incoming(Bounds(first_max_frame=64, max_frame=64))
    incoming.feed(data)
    assert all(len(frame) <= 64 for frame in incoming.held.frames)


def test_a_frame_above_the_limit_ends_the_link_before_a_byte_of_it_is_there() -> None:
    incoming = Incoming(Bounds(first_max_frame=10, max_frame=20))
    incoming.feed(encode_frames([b"x" * 10]) + (11).to_bytes(4, "big"))
    assert incoming.held.take() == b"x" * 10
    assert incoming.last is not None
    assert incoming.last.close_code == CloseCode.TOO_BIG


def test_the_limit_is_raised_to_what_the_listener_bears_and_no_further() -> None:
    incoming = Incoming(Bounds(first_max_frame=10, max_frame=20))
    incoming.limit_frames(1_000)
    incoming.feed(encode_frames([b"x" * 20]) + (21).to_bytes(4, "big"))
    assert incoming.held.take() == b"x" * 20
    assert incoming.last is not None


def test_what_nobody_takes_stays_unparsed_and_of_a_stranger_sooner() -> None:
    for incoming, fit in ((member(), HELD_FRAMES), (Incoming(Bounds()), STRANGERS_FRAMES)):
        incoming.feed(encode_frames([b"x"] * (fit + 5)))
        assert incoming.is_held_up
        assert len(incoming.held.take_all()) == fit
        incoming.parse()
        assert not incoming.is_held_up
        assert len(incoming.held.take_all()) == 5


@pytest.mark.parametrize(
    ("incoming", "size", "fit"),
    [
        (member(), 0, MAX_UNWANTED),
        (Incoming(Bounds()), 0, STRANGERS_UNWANTED),
        (member(), 1024 * 1024, MAX_UNWANTED_BYTES // 1024 // 1024),
    ],
)
def test_who_does_not_stop_behind_the_last_word_is_waited_for_no_longer(
    incoming: Incoming, size: int, fit: int
) -> None:
    incoming.held.drop()
    incoming.feed(encode_frames([bytes(size)]) * fit)
    assert incoming.last is None
    incoming.feed(encode_frames([bytes(size)]))
    assert incoming.held.is_too_much
    assert incoming.last is not None
    assert incoming.last.close_code == CloseCode.POLICY_VIOLATION


def test_a_goodbye_in_the_midst_of_a_frame_is_a_fault() -> None:
    for cut in (1, 4, 6):
        incoming = Incoming(Bounds())
        incoming.feed(encode_frames([b"half"])[:cut])
        incoming.hang_up()
        assert incoming.last is not None
        assert incoming.last.close_code == CloseCode.PROTOCOL_ERROR


def test_who_floods_a_link_with_questions_is_left_until_the_clock_ticks() -> None:
    incoming = Incoming(Bounds())
    incoming.feed(ARE_YOU_THERE * WORDS_PER_TICK)
    incoming.count_anew()
    incoming.feed(HERE_I_AM * WORDS_PER_TICK)
    assert incoming.last is None
    incoming.feed(HERE_I_AM)
    assert incoming.last is not None
    assert incoming.last.close_code == CloseCode.POLICY_VIOLATION


# ---- signs of life ----


async def test_a_silent_peer_is_asked_and_then_cut_off(pem: Pem) -> None:
    held = Held()
    async with (
        serving(pem, held, "tcp", bounds=Bounds(idle_timeout_s=0.3)) as listener,
        stranger(listener.port) as (reader, _),
    ):
        server = await held.links.get()
        async with asyncio.timeout(20):
            assert await reader.readexactly(4) == ARE_YOU_THERE
            with pytest.raises(LinkClosed) as closed:
                await server.receive()
        assert closed.value.close_code == CloseCode.ABNORMAL
        held.done.set()


async def test_a_question_is_answered_by_a_listener_and_by_a_client(pem: Pem) -> None:
    held = Held()
    async with serving(pem, held, "tcp") as listener, stranger(listener.port) as (reader, writer):
        writer.write(ARE_YOU_THERE)
        assert await reader.readexactly(4) == HERE_I_AM
        held.done.set()


async def test_a_client_notices_a_relay_that_hangs(pem: Pem) -> None:
    async def hang(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    server = await asyncio.start_server(hang, "127.0.0.1", 0, ssl=server_context(pem.certificate, pem.key))
    link = await connect_tcp(Where(server.sockets[0].getsockname()[1]), timeout_s=5, idle_timeout_s=0.3)
    async with asyncio.timeout(20):
        with pytest.raises(LinkClosed) as closed:
            await link.receive()
    assert closed.value.close_code == CloseCode.ABNORMAL
    server.close()


async def test_who_neither_reads_the_last_word_nor_stops_is_cut_off_before_its_time(
    pem: Pem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tacit.net.tcp_link.CLOSE_TIMEOUT_S", 1_000)
    held = Held()
    async with serving(pem, held, "tcp") as listener, stranger(listener.port) as (_, writer):
        server = await held.links.get()
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport that reads, too
        await server.send_many([bytes(60_000)] * 200)
        closing = asyncio.create_task(server.close())
        await asyncio.sleep(0)
        writer.write(encode_frames([b"x"]) * (STRANGERS_UNWANTED + 1))
        async with asyncio.timeout(20):
            await closing
        held.done.set()


# ---- who is not let in ----


async def test_tls_1_2_is_refused_by_both_sides(pem: Pem) -> None:
    older = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    older.check_hostname, older.verify_mode = False, ssl.CERT_NONE
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(pem, transport="tcp") as listener:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", listener.port, ssl=older)
    context = server_context(pem.certificate, pem.key)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0, ssl=context)
    with pytest.raises(NotARelay):
        await connect(Where(server.sockets[0].getsockname()[1], scheme="tcp"), timeout_s=5)
    server.close()


async def test_the_name_is_verified_where_that_is_asked_for(pem: Pem) -> None:
    async with serving(pem, transport="tcp") as listener:
        with pytest.raises(NameNotVerified):
            await connect(Where(listener.port, scheme="tcp"), timeout_s=5, verify_name=True)


async def test_wrong_ports_names_and_silence_have_their_own_errors(pem: Pem) -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-x\r\n")
        writer.close()

    async def be_mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    talker, mute = [await asyncio.start_server(each, "127.0.0.1", 0) for each in (talk, be_mute)]
    for server, timeout_s, error in ((talker, 5, NotARelay), (mute, 0.3, ConnectTimeout)):
        with pytest.raises(error):
            await connect(Where(server.sockets[0].getsockname()[1], scheme="tcp"), timeout_s=timeout_s)
        server.close()
    async with serving(pem, transport="tcp") as listener:
        port = listener.port
        with pytest.raises(CannotListen):
            await serve_tcp(_nobody, "127.0.0.1", port, client_context())
    with pytest.raises(ConnectionRefused):
        await connect(Where(port, scheme="tcp"), timeout_s=5)
    with pytest.raises(NameNotFound):
        await connect(Where(port, host="nobody.invalid", scheme="tcp"), timeout_s=5)


async def test_who_never_finishes_tls_is_cut_off_and_counts_until_then(pem: Pem) -> None:
    door = Door()
    async with serving(pem, transport="tcp", door=door) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        await leap(limits.HANDSHAKE_TIMEOUT_S)
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()
        link = await connect(Where(listener.port, scheme="tcp"), timeout_s=5)
        await link.send(b"x")
        await link.receive()
        assert door.inside == 1
        await link.close()
    assert door.inside == 0
    assert door.entered == 2


async def test_a_full_door_lets_nobody_begin_tls(pem: Pem) -> None:
    door = Door(room=0)
    async with serving(pem, transport="tcp", door=door) as listener:
        with pytest.raises(NotARelay):
            await connect(Where(listener.port, scheme="tcp"), timeout_s=5)


async def test_links_are_gone_when_they_have_ended_without_the_collector(pem: Pem) -> None:
    async def once(link: FrameLink) -> None:
        await link.send(await link.receive())

    async with serving(pem, once, "tcp") as listener:
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                link = await connect(Where(listener.port, scheme="tcp"), timeout_s=5)
                await link.send(b"x")
                await link.receive()
                with pytest.raises(LinkClosed):
                    await link.receive()
                await link.close()
            del link
            await listener.close()
            left = sum(isinstance(found, TcpLink) for found in gc.get_objects())
        finally:
            gc.enable()
    assert left == 0


async def _nobody(_link: FrameLink) -> None:
    """No link is made here."""


class Door:
    """Counts who is inside."""

    def __init__(self, room: int = limits.MAX_CONNECTIONS_PER_ADDRESS) -> None:
        self.room, self.inside, self.entered = room, 0, 0

    def enter(self, address: str) -> bool:
        assert address == "127.0.0.1"
        if self.inside >= self.room:
            return False
        self.inside += 1
        self.entered += 1
        return True

    def leave(self, address: str) -> None:
        self.inside -= 1
