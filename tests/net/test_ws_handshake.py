"""What strangers, wrong ports and impatient people meet before a link stands."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

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
    UnknownTransport,
    connect,
)
from tacit.net.bounds import Bounds
from tacit.net.tls import client_context, server_context
from tacit.net.ws_incoming import CONTROLS_PER_TICK
from tacit.net.ws_server import serve_ws
from tests.net.conftest import Held, Pem, Where, echo, leap, make_pem, serving
from tests.ports import free_port

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


@asynccontextmanager
async def tls_stream(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_context())
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def ask(port: int, request: bytes) -> bytes:
    async with tls_stream(port) as (reader, writer):
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 20)


async def test_the_health_of_a_relay_is_asked_with_plain_http(pem: Pem) -> None:
    async with serving(pem) as listener:
        answer = await ask(listener.port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\nok\n")
        assert b"aiohttp" not in answer
        assert b"Python" not in answer


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET / HTTP/1.1", b"426"),
        (b"GET /other HTTP/1.1", b"404"),
        (b"POST /healthz HTTP/1.1", b"404"),
        (b"GET / HTTP/1.1\r\nSec-WebSocket-Protocol: chat", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 10_000, b"400"),
        (b"\x00\x01\x02", b"400"),
    ],
)
async def test_anything_but_an_upgrade_gets_a_short_answer_and_a_closed_door(
    pem: Pem, request_line: bytes, status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(pem) as listener:
        answer = await ask(listener.port, request_line + b"\r\nHost: x\r\n\r\n")
        assert answer.split()[1] == status
        assert len(answer) < 500
    assert "127.0.0.1" not in caplog.text


async def test_an_upgrade_sets_no_cookie_and_agrees_on_no_compression(pem: Pem) -> None:
    async with serving(pem) as listener, tls_stream(listener.port) as (reader, writer):
        writer.write(UPGRADE + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 101")
        assert b"set-cookie" not in head
        assert b"extensions" not in head
        assert b"aiohttp" not in head


async def test_a_frame_sent_with_the_upgrade_itself_meets_the_limit_for_strangers(pem: Pem) -> None:
    held = Held()
    async with (
        serving(pem, held, bounds=Bounds(first_max_frame=100)) as listener,
        tls_stream(listener.port) as (_, writer),
    ):
        writer.write(UPGRADE + b"\r\n" + bytes((0x82, 0x80 | 101)) + b"\0" * 105)
        link = await held.links.get()
        with pytest.raises(LinkClosed) as closed:
            await link.receive()
        assert closed.value.close_code == 1009
        held.done.set()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (bytes((0x81, 0x80)) + b"mask", 1003),
        (bytes((0xC2, 0x80)) + b"mask", 1002),
        (bytes((0x83, 0x80)) + b"mask", 1002),
        (bytes((0x80, 0x80)) + b"mask", 1002),
        (bytes((0x82, 0xFF)) + b"\xff" * 8 + b"mask", 1009),
        (bytes((0x88, 0x82)) + bytes(4) + (1006).to_bytes(2, "big"), 1002),
        (bytes((0x88, 0x82)) + bytes(4) + (5000).to_bytes(2, "big"), 1002),
    ],
    ids=["text", "compressed", "reserved opcode", "stray continuation", "2^64-1 bytes", "closed as lost", "no code"],
)
async def test_frames_that_no_honest_client_makes_end_the_link(pem: Pem, frame: bytes, code: int) -> None:
    held = Held()
    async with serving(pem, held) as listener, tls_stream(listener.port) as (reader, writer):
        writer.write(UPGRADE + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        link = await held.links.get()
        writer.write(frame)
        with pytest.raises(LinkClosed) as closed:
            await link.receive()
        assert closed.value.close_code == code
        assert (await reader.readexactly(4))[2:] == code.to_bytes(2, "big")
        held.done.set()


@pytest.mark.parametrize("is_member", [False, True])
@pytest.mark.parametrize(
    "frame",
    [b"\x82\x05hello", b"\x89\x00", b"\x02\x00", b"\x82\x7e\x01\x00" + bytes(256)],
    ids=["binary", "ping", "fragment", "long"],
)
async def test_a_frame_without_a_mask_ends_the_link_of_strangers_and_of_members(
    pem: Pem, frame: bytes, is_member: bool
) -> None:
    """Source: RFC 6455 §5.1."""
    held, masked = Held(), bytes((0x82, 0x82)) + bytes(4) + b"ok"
    async with serving(pem, held) as listener, tls_stream(listener.port) as (reader, writer):
        writer.write(UPGRADE + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        link = await held.links.get()
        if is_member:
            link.limit_frames(limits.MAX_FRAME_BYTES)
        writer.write(masked + frame + masked)
        async with asyncio.timeout(20):
            assert await link.receive() == b"ok"
            with pytest.raises(LinkClosed) as closed:
                await link.receive()
            assert closed.value.close_code == CloseCode.PROTOCOL_ERROR
            assert await _rest(reader) == bytes((0x88, 2)) + (1002).to_bytes(2, "big")
        held.done.set()


async def test_of_many_pings_the_last_is_answered(pem: Pem) -> None:
    async with serving(pem) as listener, tls_stream(listener.port) as (reader, writer):
        writer.write(UPGRADE + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"".join(bytes((0x89, 0x81)) + bytes(4) + bytes((n,)) for n in range(100)))
        assert await reader.readexactly(3) == bytes((0x8A, 1, 99))


async def test_a_member_who_floods_with_pings_is_cut_off_at_once(pem: Pem) -> None:
    """A whole read of these, which a member may send again and again, would hold everybody up."""
    held, ping = Held(), bytes((0x89, 0x80)) + bytes(4)
    async with serving(pem, held) as listener, tls_stream(listener.port) as (reader, writer):
        writer.write(UPGRADE + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        link = await held.links.get()
        link.limit_frames(limits.MAX_FRAME_BYTES)
        writer.write(ping * CONTROLS_PER_TICK)
        async with asyncio.timeout(20):
            assert await reader.readexactly(2) == b"\x8a\x00"
            writer.write(ping)
            with pytest.raises(LinkClosed) as closed:
                await link.receive()
        assert closed.value.close_code == CloseCode.POLICY_VIOLATION
        held.done.set()


async def test_a_goodbye_is_answered_with_its_own_code(pem: Pem) -> None:
    async with serving(pem) as listener, tls_stream(listener.port) as (reader, writer):
        writer.write(UPGRADE + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(bytes((0x88, 0x82)) + bytes(4) + (4001).to_bytes(2, "big"))
        async with asyncio.timeout(20):
            assert await _rest(reader) == bytes((0x88, 2)) + (4001).to_bytes(2, "big")


async def test_a_stranger_who_floods_with_empty_fragments_is_cut_off_at_once(pem: Pem) -> None:
    """A second of these, parsed one by one, would hold up everybody; the cut comes long before the deadline."""
    fragment, message = b"\x00\x80mask", b"\x02\x80mask"
    async with serving(pem, echo) as where, tls_stream(where.port) as (reader, writer):
        writer.write(UPGRADE + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(message + fragment * 100_000)
        async with asyncio.timeout(10):
            ended = await _rest(reader)
        assert ended[:1] == b"\x88"


@pytest.mark.parametrize("stage", ["silent", "tls only", "dripping header"])
async def test_a_peer_that_dawdles_is_cut_off_at_the_deadline(pem: Pem, stage: str) -> None:
    async with serving(pem) as listener:
        tls = None if stage == "silent" else client_context()
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, ssl=tls)
        drip = asyncio.create_task(_drip(writer)) if stage == "dripping header" else None
        await leap(limits.HANDSHAKE_TIMEOUT_S - 5)
        assert not reader.at_eof()
        await leap(5)
        async with asyncio.timeout(20):
            assert await _rest(reader) == b""
        if drip:
            drip.cancel()
        writer.transport.abort()
        honest = await connect(Where(listener.port), timeout_s=5)
        await honest.send(b"served all the same")
        assert await honest.receive() == b"served all the same"
        await honest.close()


async def test_an_accepted_link_outlives_the_handshake_deadline(pem: Pem) -> None:
    async with serving(pem) as listener:
        link = await connect(Where(listener.port), timeout_s=5)
        waiting = asyncio.create_task(link.receive())
        await leap(limits.HANDSHAKE_TIMEOUT_S)
        assert not waiting.done()
        await link.send(b"here")
        assert await waiting == b"here"
        await link.close()


async def test_tls_1_2_is_refused(pem: Pem) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(pem) as listener:
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await asyncio.open_connection("127.0.0.1", listener.port, ssl=old)


async def test_a_client_refuses_a_server_that_only_speaks_tls_1_2() -> None:
    pem = make_pem(ec.generate_private_key(ec.SECP256R1()))
    old = server_context(pem.certificate, pem.key)
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
    listener = await serve_ws(echo, "127.0.0.1", 0, old)
    with pytest.raises(NotARelay):
        await connect(Where(listener.port), timeout_s=5)
    await listener.close()


@pytest.mark.parametrize("kind", ["p256", "rsa"])
async def test_an_operators_own_kind_of_key_works(kind: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "p256" else rsa.generate_private_key(65537, 2048)
    async with serving(make_pem(key)) as listener:
        link = await connect(Where(listener.port), timeout_s=5)
        await link.send(b"hi")
        assert await link.receive() == b"hi"
        await link.close()


async def test_verifying_the_name_refuses_a_self_signed_certificate(pem: Pem) -> None:
    async with serving(pem) as listener:
        with pytest.raises(NameNotVerified) as refused:
            await connect(Where(listener.port, "localhost"), timeout_s=5, verify_name=True)
        assert refused.value.exit_code == 4


async def test_verifying_the_name_takes_a_certificate_that_the_machine_trusts(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = make_pem(ec.generate_private_key(ec.SECP256R1()))
    trusted = tmp_path_factory.mktemp("trust") / "ca.pem"
    trusted.write_bytes(pem.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with serving(pem) as listener:
        link = await connect(Where(listener.port, "127.0.0.1"), timeout_s=5, verify_name=True)
        await link.close()


async def test_a_port_where_nothing_listens() -> None:
    with pytest.raises(ConnectionRefused) as refused:
        await connect(Where(port := free_port()), timeout_s=5)
    assert refused.value.code == "connection-refused"
    assert refused.value.sentence == f"Nothing answers at that address and port: 127.0.0.1:{port}"


async def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(NameNotFound):
        await connect(Where(8765, "no-such-host.invalid"), timeout_s=20)


@pytest.mark.parametrize("host", ["", "a b", "x" * 300])
async def test_a_host_that_is_no_name(host: str) -> None:
    with pytest.raises(NameNotFound):
        await connect(Where(8765, host), timeout_s=20)


async def test_a_transport_that_does_not_exist() -> None:
    with pytest.raises(UnknownTransport):
        await connect(Where(8765, scheme="pigeon"), timeout_s=1)


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.7\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
async def test_a_port_where_something_else_answers(banner: bytes) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(banner)
        writer.close()

    async with await asyncio.start_server(other, "127.0.0.1", 0) as server:
        with pytest.raises(NotARelay):
            await connect(Where(server.sockets[0].getsockname()[1]), timeout_s=5)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"junk\r\n\r\n",
    ],
    ids=["200", "redirect", "wrong accept", "junk"],
)
async def test_a_tls_server_that_is_no_relay(pem: Pem, answer: bytes) -> None:
    asked: list[bytes] = []

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    tls = server_context(pem.certificate, pem.key)
    async with await asyncio.start_server(other, "127.0.0.1", 0, ssl=tls) as server:
        with pytest.raises(NotARelay):
            await connect(Where(server.sockets[0].getsockname()[1]), timeout_s=5)
    assert len(asked) == 1
    for word in (b"cookie", b"python", b"aiohttp", b"extensions", b"origin", b"authorization"):
        assert word not in asked[0].lower()


async def test_a_server_that_never_answers_times_out_and_leaves_nothing_behind() -> None:
    accepted, left = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await reader.read()
        left.set()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectTimeout):
            await connect(Where(port), timeout_s=0.2)
        await asyncio.wait_for(left.wait(), 20)
        await nothing_left(port)


@pytest.mark.parametrize("how", ["close", "abort", "cancelled close"])
async def test_an_ended_link_leaves_no_task_and_no_socket_behind(pem: Pem, how: str) -> None:
    async with serving(pem) as listener:
        link = await connect(Where(listener.port), timeout_s=5)
        receiving = asyncio.create_task(link.receive())
        await asyncio.sleep(0)
        if how == "abort":
            link.abort()
        elif how == "close":
            await link.close()
        else:
            closing = asyncio.create_task(link.close())
            await asyncio.sleep(0)
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)
        with pytest.raises(LinkClosed):
            await receiving
        port = listener.port
    await nothing_left(port)


async def test_a_closed_listener_says_so_and_leaves_no_task_and_no_socket_behind(pem: Pem) -> None:
    async def stubborn(link: FrameLink) -> None:
        await asyncio.Event().wait()

    ends: list[LinkClosed] = []
    for handler in (echo, stubborn):
        async with serving(pem, handler) as listener:
            link = await connect(Where(listener.port), timeout_s=5)
            port = listener.port
            waiting = asyncio.create_task(link.receive())
        with pytest.raises(LinkClosed) as closed:
            await waiting
        ends.append(closed.value)
        await nothing_left(port)
        with pytest.raises(ConnectionRefused):
            await connect(Where(port), timeout_s=5)
    assert [(end.close_code, end.reason) for end in ends] == [(1001, "the relay is stopping")] * 2


async def test_a_port_that_is_taken_or_an_address_that_is_not_ours(pem: Pem) -> None:
    tls = server_context(pem.certificate, pem.key)
    async with serving(pem) as listener:
        for host, port in (
            ("127.0.0.1", listener.port),
            ("192.0.2.1", 0),
            ("no-such-host.invalid", 0),
            ("127.0.0.1", 70_000),
        ):
            with pytest.raises(CannotListen) as refused:
                await serve_ws(echo, host, port, tls)
            assert refused.value.detail == f"{host}:{port}"


async def test_listening_everywhere_answers_on_both_families(pem: Pem) -> None:
    listener = await serve_ws(echo, "", 0, server_context(pem.certificate, pem.key))
    hosts = ["127.0.0.1", "localhost"] + (["::1"] if socket.has_dualstack_ipv6() else [])
    for host in hosts:
        link = await connect(Where(listener.port, host), timeout_s=5)
        await link.close()
    await listener.close()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def _drip(writer: asyncio.StreamWriter) -> None:
    for byte in UPGRADE:
        writer.write(bytes((byte,)))
        await asyncio.sleep(0.05)


async def nothing_left(port: int) -> None:
    """No task but this one, and no socket of this process that is connected to ``port``."""
    async with asyncio.timeout(20):
        while len(asyncio.all_tasks()) > 1 or _connected(port):  # noqa: ASYNC110  # there is nothing to be told by
            await asyncio.sleep(0.01)
    gc.collect()


def _connected(port: int) -> list[object]:
    return [
        c
        for c in psutil.Process().net_connections("tcp")
        if c.status == psutil.CONN_ESTABLISHED and port in {c.laddr.port, c.raddr.port}
    ]
