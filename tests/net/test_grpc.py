"""What is gRPC's own about a link: TLS before it, who is let in, what strangers may send, and who asks from outside."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import grpc.aio
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tacit import limits
from tacit.net import (
    CannotListen,
    CloseCode,
    ConnectionRefused,
    FrameLink,
    LinkClosed,
    NameNotFound,
    NameNotVerified,
    NotARelay,
    connect,
    grpc_connection,
)
from tacit.net.bounds import Bounds
from tacit.net.grpc_connection import FREE_STREAMS, Connection
from tacit.net.grpc_library import METHOD, SERVICE
from tacit.net.grpc_link import GrpcLink
from tacit.net.grpc_served import serve_grpc
from tacit.net.grpc_streams import HEADERS, PREFACE_BYTES, Streams
from tacit.net.serving import QUIET_TICKS_TO_END
from tacit.net.tls import client_context, server_context
from tacit.wire import relay_pb2 as pb
from tests.net.conftest import Held, Pem, Where, echo, leap, make_pem, serving
from tests.net.test_tcp import Door

PATH = f"/{SERVICE}/{METHOD}"


@pytest.fixture(scope="module")
def pem() -> Pem:
    """A certificate of today, for those who look at its dates."""
    return make_pem(ec.generate_private_key(ec.SECP256R1()))


def foreign_channel(port: int, pem: Pem, **options: Any) -> Any:
    """A channel as a generated client has one: TLS is grpcio's, and the certificate is known."""
    return grpc.aio.secure_channel(
        f"127.0.0.1:{port}",
        grpc.ssl_channel_credentials(pem.certificate),
        options=[("grpc.ssl_target_name_override", "localhost")],
        **options,
    )


async def test_a_generated_client_gets_in_with_the_relays_certificate_as_its_root(pem: Pem) -> None:
    async with serving(pem, transport="grpc") as listener, foreign_channel(listener.port, pem) as channel:
        stream = channel.stream_stream(PATH)()
        await stream.write(b"from outside")
        assert await stream.read() == b"from outside"
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF
        assert await stream.code() is grpc.StatusCode.OK


async def test_a_stranger_asks_for_the_health_and_the_description_of_the_service(pem: Pem) -> None:
    async with (
        serving(pem, transport="grpc", descriptors=pb.DESCRIPTOR.pool) as listener,
        foreign_channel(listener.port, pem) as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", SERVICE):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        ask = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
        await ask.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        listed = {service.name for service in (await ask.read()).list_services_response.service}
        assert {SERVICE, "grpc.health.v1.Health"} <= listed
        await ask.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE))
        (described,) = (await ask.read()).file_descriptor_response.file_descriptor_proto
        assert b"ClientFrame" in described
        await ask.done_writing()
        # Newer tools ask by the name that reflection has had since it was settled, and not all of them know the older.
        newer = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")()
        await newer.write(reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString())
        answer = reflection_pb2.ServerReflectionResponse.FromString(await newer.read())
        assert {service.name for service in answer.list_services_response.service} == listed
        await newer.done_writing()


async def test_the_library_is_read_in_before_the_clock_of_connecting_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow disk or a busy machine takes none of the time that the relay has."""
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(ModuleNotFoundError):
        await connect(Where(9, scheme="grpc"), timeout_s=0)


async def test_a_client_that_closes_says_all_that_it_had_to_say_and_that_it_is_done(pem: Pem) -> None:
    """A stream that is cancelled could not be answered any more, and would lose what has not been read."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def served(_requests: Any, context: Any) -> None:
        await context.send_initial_metadata(())
        while (frame := await context.read()) is not grpc.aio.EOF:
            heard.put_nowait(frame)
        await context.write(b"an answer")
        heard.put_nowait(b"and there it is answered")

    method = grpc.stream_stream_rpc_method_handler(served)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: method}),))
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(pem.key, pem.certificate)]))
    await server.start()
    try:
        link = await connect(Where(port, scheme="grpc"), timeout_s=5)
        frames = [b"%d" % number for number in range(40)]
        await link.send_many(frames)
        await link.close()
        async with asyncio.timeout(20):
            assert [await heard.get() for _ in range(41)] == [*frames, b"and there it is answered"]
    finally:
        await server.stop(None)


async def test_a_frame_of_a_stranger_is_refused_long_before_it_is_there(pem: Pem) -> None:
    """grpcio would take four megabytes of everybody."""
    held = Held()
    async with serving(pem, held, "grpc") as listener:
        client = await connect(Where(listener.port, scheme="grpc"), timeout_s=5)
        server = await held.links.get()
        await client.send(bytes(limits.MAX_FRAME_BYTES))
        with pytest.raises(LinkClosed) as closed:
            await server.receive()
        assert closed.value.close_code == CloseCode.TOO_BIG
        with pytest.raises(LinkClosed):
            await client.receive()
        held.done.set()


async def test_many_small_frames_of_a_stranger_pass(pem: Pem) -> None:
    async with serving(pem, transport="grpc") as listener:
        link = await connect(Where(listener.port, scheme="grpc"), timeout_s=5)
        for number in range(500):
            frame = number.to_bytes(2, "big") * 500
            await link.send(frame)
            assert await link.receive() == frame
        await link.close()


async def test_compressed_frames_are_refused(pem: Pem) -> None:
    """A few bytes could become megabytes."""
    held = Held()
    async with (
        serving(pem, held, "grpc") as listener,
        foreign_channel(listener.port, pem, compression=grpc.Compression.Gzip) as channel,
    ):
        stream = channel.stream_stream(PATH)()
        with suppress(grpc.aio.AioRpcError):
            await stream.write(b"x" * 10_000)
        assert await stream.code() is not grpc.StatusCode.OK
        assert held.links.empty()
        held.done.set()


async def test_who_begins_no_stream_is_cut_off_and_counts_until_then(pem: Pem) -> None:
    door = Door()
    async with serving(pem, transport="grpc", door=door) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, ssl=client_context(alpn=["h2"]))
        assert door.inside == 1
        await leap(limits.HANDSHAKE_TIMEOUT_S)
        async with asyncio.timeout(20):
            while await reader.read(1000):
                pass
        writer.close()
        link = await connect(Where(listener.port, scheme="grpc"), timeout_s=5)
        assert door.inside == 1
        for word in (b"there", b"still there"):  # a client sends before the listener has begun its stream
            await link.send(word)
            assert await link.receive() == word
            await leap(limits.HANDSHAKE_TIMEOUT_S)
        await link.close()
    assert (door.inside, door.entered) == (0, 2)


async def test_a_full_door_lets_nobody_begin_tls(pem: Pem) -> None:
    async with serving(pem, transport="grpc", door=Door(room=0)) as listener:
        with pytest.raises(NotARelay):
            await connect(Where(listener.port, scheme="grpc"), timeout_s=5)


async def test_each_stream_knows_where_it_comes_from_and_what_was_shown(pem: Pem) -> None:
    held = Held()
    async with serving(pem, held, "grpc") as listener:
        client = await connect(Where(listener.port, scheme="grpc"), timeout_s=5)
        server = await held.links.get()
        assert server.peer_address == "127.0.0.1"
        assert server.own_certificate_hash == client.peer_certificate_hash == hashlib.sha256(pem.der).digest()
        held.done.set()
        await client.close()


async def test_a_connection_has_one_link_at_a_time_and_each_counts_as_one(pem: Pem) -> None:
    """Else one connection would be as many strangers as it likes."""
    door = Counting()
    async with serving(pem, transport="grpc", door=door) as listener, foreign_channel(listener.port, pem) as channel:
        for number in (1, 2, 3):
            first = channel.stream_stream(PATH)()
            await first.write(b"there")
            assert await first.read() == b"there"
            assert (door.came, door.inside) == (number, 1)
            further = channel.stream_stream(PATH)()
            assert await further.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            await first.write(b"still there")
            assert await first.read() == b"still there"
            await first.done_writing()
            assert await first.code() is grpc.StatusCode.OK
        door.closed = True
        late = channel.stream_stream(PATH)()
        assert await late.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert door.inside == 1


def test_streams_are_counted_however_the_bytes_are_cut() -> None:
    def frame(kind: int, payload: bytes) -> bytes:
        return len(payload).to_bytes(3, "big") + bytes((kind, 0)) + bytes(4) + payload

    data = b"p" * PREFACE_BYTES + frame(4, bytes(12)) + (frame(HEADERS, b"x" * 300) + frame(0, bytes(9))) * 3
    for size in (1, 7, 100, len(data)):
        streams = Streams()
        for at in range(0, len(data), size):
            streams.feed(data[at : at + size])
        assert streams.begun == 3


async def test_so_many_calls_are_free_and_each_further_one_counts_as_a_connection(pem: Pem) -> None:
    """grpcio says that the relay is well as often as somebody asks."""
    door = Counting()
    async with (
        serving(pem, transport="grpc", door=door, descriptors=pb.DESCRIPTOR.pool) as listener,
        foreign_channel(listener.port, pem) as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        for _ in range(FREE_STREAMS):
            await health.Check(health_pb2.HealthCheckRequest())
        assert (door.came, door.inside) == (1, 1)
        await health.Check(health_pb2.HealthCheckRequest())
        assert (door.came, door.inside) == (2, 1)
        door.closed = True
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await health.Check(health_pb2.HealthCheckRequest())
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


class Counting:
    """A door that is open until it is closed."""

    def __init__(self) -> None:
        self.came = self.inside = 0
        self.closed = False

    def enter(self, address: str) -> bool:
        self.came += not self.closed
        self.inside += not self.closed
        return not self.closed

    def leave(self, address: str) -> None:
        self.inside -= 1


async def test_tls_1_2_is_refused_by_both_sides(pem: Pem) -> None:
    older = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    older.check_hostname, older.verify_mode = False, ssl.CERT_NONE
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(pem, transport="grpc") as listener:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", listener.port, ssl=older)
    context = server_context(pem.certificate, pem.key, ["h2"])
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0, ssl=context)
    with pytest.raises(NotARelay):
        await connect(Where(server.sockets[0].getsockname()[1], scheme="grpc"), timeout_s=5)
    server.close()


async def test_a_link_is_one_connection_whose_certificate_is_the_one_that_was_seen(pem: Pem) -> None:
    """A relay that shows each connection another certificate: the hash is of the one that carries the frames."""
    shown = [make_pem(ec.generate_private_key(ec.SECP256R1())) for _ in range(3)]
    contexts = [server_context(each.certificate, each.key, ["h2"]) for each in shown]
    handshakes: list[int] = []

    def choose(handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        handshake.context = contexts[len(handshakes)]
        handshakes.append(len(handshakes))

    front = server_context(pem.certificate, pem.key, ["h2"])
    front.sni_callback = choose
    listener = await serve_grpc(echo, "127.0.0.1", 0, front)
    for number in range(2):
        link = await connect(Where(listener.port, scheme="grpc"), timeout_s=5)
        await link.send(b"x")
        assert await link.receive() == b"x"
        assert link.peer_certificate_hash == hashlib.sha256(shown[number].der).digest()
        await link.close()
        assert handshakes == list(range(number + 1))
    await listener.close()


async def test_wrong_ports_names_and_certificates_have_their_own_errors(pem: Pem) -> None:
    async with serving(pem) as other, serving(pem, transport="grpc") as listener:
        with pytest.raises(NotARelay):
            await connect(Where(other.port, scheme="grpc"), timeout_s=5)
        with pytest.raises(NameNotVerified):
            await connect(Where(listener.port, scheme="grpc"), timeout_s=5, verify_name=True)
        with pytest.raises(CannotListen):
            await serve_grpc(echo, "127.0.0.1", listener.port, client_context())
        port = listener.port
    with pytest.raises(ConnectionRefused):
        await connect(Where(port, scheme="grpc"), timeout_s=5)
    with pytest.raises(NameNotFound):
        await connect(Where(port, host="nobody.invalid", scheme="grpc"), timeout_s=5)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files, for a test; its path is short, wherever those of tests are."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


async def test_nothing_is_left_of_connections_listeners_and_files(pem: Pem, place: Path) -> None:
    async def once(link: FrameLink) -> None:
        await link.send(await link.receive())

    async with serving(pem, once, "grpc") as listener:
        for _ in range(2):
            link = await connect(Where(listener.port, scheme="grpc"), timeout_s=5)
            await link.send(b"x")
            await link.receive()
            with pytest.raises(LinkClosed):
                await link.receive()
            await link.close()
        assert len(_names(place)) == 1
    assert not _names(place)
    del link
    gc.collect()
    assert not [found for found in gc.get_objects() if isinstance(found, Connection)]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_long_path_for_temporary_files_is_no_hindrance(
    pem: Pem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Unix socket's address has room for some hundred bytes."""
    place = tmp_path / ("x" * 120)
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    async with serving(pem, transport="grpc") as listener:
        link = await connect(Where(listener.port, scheme="grpc"), timeout_s=5)
        await link.send(b"through")
        assert await link.receive() == b"through"
        await link.close()


def test_no_thread_outlives_the_loop(pem: Pem) -> None:
    async def talk() -> None:
        async with serving(pem, transport="grpc") as listener:
            link = await connect(Where(listener.port, scheme="grpc"), timeout_s=5)
            await link.send(b"x")
            assert await link.receive() == b"x"
            await link.close()

    asyncio.run(talk())
    gc.collect()
    assert not [thread.name for thread in threading.enumerate() if "poll" in thread.name]


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_peer_from_which_nothing_comes_any_more_is_cut_off(pem: Pem) -> None:
    """The network between swallows everything, the answers to gRPC's own pings too."""
    held, swallowing = Held(), asyncio.Event()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                if not swallowing.is_set():
                    writer.write(data)
        writer.close()

    async with serving(pem, held, "grpc", bounds=Bounds(idle_timeout_s=0.6)) as listener:

        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there = await asyncio.open_connection("127.0.0.1", listener.port)
            await asyncio.gather(carry(reader, there[1]), carry(there[0], writer))

        network = await asyncio.start_server(meet, "127.0.0.1", 0)
        client = await connect(Where(network.sockets[0].getsockname()[1], scheme="grpc"), timeout_s=5)
        server = await held.links.get()
        swallowing.set()
        async with asyncio.timeout(10):
            with pytest.raises(LinkClosed) as closed:
                await server.receive()
        assert closed.value.close_code == CloseCode.ABNORMAL
        client.abort()
        network.close()
        held.done.set()


async def test_a_listener_that_stood_still_hears_what_has_come_meanwhile_before_it_takes_anybody_for_gone(
    pem: Pem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a machine is halted for minutes, with all its clients there when it goes on."""
    held, now_s = Held(), time.monotonic()
    async with serving(pem, held, "grpc") as listener:
        client = await connect(Where(listener.port, scheme="grpc"), timeout_s=5)
        server = await held.links.get()
        assert isinstance(server, GrpcLink)
        monkeypatch.setattr(grpc_connection, "time", SimpleNamespace(monotonic=lambda: now_s))
        for word in (b"one", b"two"):
            now_s += 1_000
            for _ in range(QUIET_TICKS_TO_END - 2):  # the listener's own clock may tick meanwhile
                server.tick()
            await client.send(word)
            assert await server.receive() == word
        now_s += 1_000
        for _ in range(QUIET_TICKS_TO_END):
            server.tick()
        with pytest.raises(LinkClosed):
            await client.receive()
        held.done.set()
