"""Bytes that no honest client sends, to a relay process over TLS: refused with a code, and nobody else notices."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest

from tacit import limits
from tacit.net.errors import LinkClosed
from tacit.net.tls import client_context
from tacit.wire import relay_pb2 as pb
from tacit.wire.frames import decode_response, encode_request
from tests.processes.people import befriend, opened, said
from tests.processes.programs import TIMEOUT_S, Relay
from tests.relay.peers import Peer, Someone, message

pytestmark = pytest.mark.processes

MALFORMED, TOO_BIG, NOT_FRAMES = 1002, 1009, 1003
PATIENCE = aiohttp.ClientWSTimeout(ws_close=TIMEOUT_S)


class RawLink:
    """A link made of nothing but aiohttp, without any of tacit's own care."""

    transport = "raw"
    peer_certificate_hash = b""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.end = 0
        """The code that the relay closed with."""
        connection = socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        self._transport = connection.transport

    async def send(self, frame: bytes) -> None:
        try:
            await self.socket.send_bytes(frame)
        except (ConnectionError, aiohttp.ClientError):
            raise LinkClosed(1006) from None

    async def receive(self) -> bytes:
        async with asyncio.timeout(TIMEOUT_S):
            received = await self.socket.receive()
        if received.type is aiohttp.WSMsgType.CLOSE:
            self.end = int(received.data)
        if received.type is not aiohttp.WSMsgType.BINARY:
            raise LinkClosed(self.end or 1006)
        return bytes(received.data)

    def write(self, data: bytes) -> None:
        """Bytes that are no whole frame of WebSocket."""
        self._transport.write(data)

    def cut(self) -> None:
        self._transport.abort()

    async def close(self) -> None:
        await self.socket.close()


@asynccontextmanager
async def raw(relay: Relay) -> AsyncIterator[RawLink]:
    """A raw connection to a relay."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            f"wss://127.0.0.1:{relay.port}/", ssl=client_context(), max_msg_size=0, timeout=PATIENCE
        ) as connection,
    ):
        link = RawLink(connection)
        try:
            yield link
        finally:
            link.cut()


@asynccontextmanager
async def somebody(relay: Relay) -> AsyncIterator[tuple[RawLink, Peer]]:
    """A raw connection that has logged in."""
    async with raw(relay) as link:
        peer = await Peer.over(link)  # type: ignore[arg-type]  # all that a peer uses
        someone = Someone.new()
        await peer.register(someone)
        await peer.login(someone)
        yield link, peer


async def refusals(link: RawLink) -> tuple[list[str], int]:
    """The codes of all errors up to the end, and how the connection ended."""
    codes = []
    try:
        while True:
            body = decode_response(await link.receive()).body
            if isinstance(body, pb.Error):
                codes.append(body.code)
    except LinkClosed:
        return codes, link.end


def frame(request_id: int, body: pb.Append | pb.CreateLog) -> bytes:
    return encode_request(request_id, body)


DENSE = pb.ClientFrame(request_id=1).SerializeToString() + b"\x10\x01" * 40_000
"""Forty thousand fields that nobody knows, in eighty kilobytes."""

STRANGE: dict[str, tuple[bytes, list[str], int]] = {
    "no frame at all": (os.urandom(4_000), ["malformed"], MALFORMED),
    "an empty frame": (b"", ["malformed"], MALFORMED),
    "a frame cut short": (frame(7, pb.CreateLog(log_id=bytes(16)))[:-3], ["malformed"], MALFORMED),
    "the request ID 0": (pb.ClientFrame(create_log=pb.CreateLog()).SerializeToString(), ["malformed"], MALFORMED),
    "a length that lies": (b"\x0a\xff\xff\xff\xff\x0f", ["malformed"], MALFORMED),
}


@pytest.mark.parametrize("what", STRANGE)
async def test_a_stranger_who_sends_is_told_and_shown_the_door(relay: Relay, what: str) -> None:
    data, codes, close_code = STRANGE[what]
    async with raw(relay) as link:
        await link.receive()
        await link.send(data)
        assert await refusals(link) == (codes, close_code)


@pytest.mark.parametrize("what", [*STRANGE, "too many fields"])
async def test_a_member_who_sends_is_told_and_shown_the_door(relay: Relay, what: str) -> None:
    data, codes, close_code = STRANGE.get(what, (DENSE, ["malformed"], MALFORMED))
    async with somebody(relay) as (link, peer):
        await link.send(data)
        await peer.wait_ended()
        assert [error.code for error in peer.errors] == codes
        assert link.end == close_code


def announced(size_bytes: int) -> bytes:
    """The header of a WebSocket frame whose payload never comes. Source: RFC 6455 §5.2"""
    return b"\x82\xff" + size_bytes.to_bytes(8, "big") + bytes(4)


async def test_a_frame_is_refused_by_its_announced_size_before_it_is_sent(relay: Relay) -> None:
    """The limit for strangers, then the one for members; the relay waits for no byte of what is announced."""
    for size_bytes in (limits.MAX_LOGIN_FRAME_BYTES + 1, 2**62):
        async with raw(relay) as link:
            await link.receive()
            link.write(announced(size_bytes))
            assert await refusals(link) == ([], TOO_BIG)
    for size_bytes in (limits.MAX_FRAME_BYTES + 1, 2**62):
        async with somebody(relay) as (link, peer):
            link.write(announced(size_bytes))
            await peer.wait_ended()
            assert link.end == TOO_BIG


async def test_fragments_without_end_are_refused_where_their_sum_is_too_large(relay: Relay) -> None:
    process = psutil.Process(relay.running.pid)
    before = process.memory_info().rss
    for _ in range(20):
        async with raw(relay) as link:
            await link.receive()
            first, more = b"\x02\xfe\x80\x00" + bytes(4 + 0x8000), b"\x00\xfe\x80\x00" + bytes(4 + 0x8000)
            link.write(first + more + more)
            assert await refusals(link) == ([], TOO_BIG)
    assert process.memory_info().rss - before < 4 * limits.MAX_FRAME_BYTES


async def test_text_instead_of_frames_ends_the_connection(relay: Relay) -> None:
    async with raw(relay) as link:
        await link.receive()
        await link.socket.send_str("hello?")
        assert await refusals(link) == ([], NOT_FRAMES)


async def test_a_request_before_login_is_refused_and_gives_nothing_away(relay: Relay) -> None:
    for body in (
        pb.SenderKeysRequest(who=pb.Who(handle="alice")),
        pb.CreateLog(log_id=bytes(16)),
        message(bytes(16), b"x"),
        pb.Listen(after=[pb.Position(log_id=bytes(16), seq=0)]),
    ):
        async with raw(relay) as link:
            peer = await Peer.over(link)  # type: ignore[arg-type]  # all that a peer uses
            answer = await (await peer.begin(body))
            assert answer.code == "not-logged-in"
            await peer.close()


LARGE = bytes(limits.MAX_MESSAGE_BYTES + 1)
BAD_REQUESTS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a payload that is too large": (lambda log: frame(9, message(log, LARGE)), "too-large"),
    "a log that is not its own": (lambda log: frame(9, message(bytes(16), b"x")), "unknown-log"),
    "a message ID of the wrong size": (lambda log: frame(9, message(log, b"x", message_id=b"short")), "bad-request"),
    "a log ID of the wrong size": (lambda log: frame(9, pb.CreateLog(log_id=b"/../../etc/passwd\0")), "bad-request"),
    "a request that does not exist": (lambda log: b"\x08\x09\xba\x3e\x00", "unsupported"),
}


@pytest.mark.parametrize("what", BAD_REQUESTS)
async def test_a_member_who_asks_for_nonsense_is_refused_and_may_go_on(relay: Relay, what: str) -> None:
    make, code = BAD_REQUESTS[what]
    async with somebody(relay) as (_, peer):
        log = await peer.create_log()
        async with asyncio.timeout(TIMEOUT_S):
            answer = await (await peer.begin_frame(9, make(log)))
        assert answer.code == code
        assert await peer.append(log, b"honest") == 1
        await peer.close()


async def test_honest_people_talk_on_while_the_relay_is_pestered(relay: Relay, tmp_path: Path) -> None:
    """Half-open connections, garbage and floods beside a conversation; the relay's log knows no fault."""
    alice, bob = await befriend(relay.link, tmp_path, "honest-alice", "honest-bob")
    silent = [socket.create_connection(("127.0.0.1", relay.port)) for _ in range(50)]
    stop = asyncio.Event()

    async def pester() -> None:
        while not stop.is_set():
            async with raw(relay) as link:
                await link.receive()
                await link.send(os.urandom(500))
                await refusals(link)

    try:
        pests = [asyncio.create_task(pester()) for _ in range(3)]
        async with opened(alice) as one, opened(bob) as other:
            for number in range(10):
                for me, you in ((one, other), (other, one)):
                    sent = await me.send(f"@{you.me.handle}", f"{me.me.handle} {number}")
                    await me.wait_for(sent.id, "relayed", TIMEOUT_S)
            await other.wait_for(sent.id, "delivered", TIMEOUT_S)
        stop.set()
        await asyncio.gather(*pests)
    finally:
        for connection in silent:
            connection.close()
    heard = await said(bob, f"@{alice.name}")
    assert [line for line in heard if line.startswith("@honest-alice: honest-alice ")] == [
        f"@honest-alice: honest-alice {number}" for number in range(10)
    ]
    assert "request-failed" not in relay.running.said
    assert "Traceback" not in relay.running.said
