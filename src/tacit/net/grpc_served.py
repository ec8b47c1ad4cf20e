"""Listens for gRPC under TLS 1.3: TLS and the door are ours, HTTP/2 and gRPC are grpcio's.

grpcio alone would take TLS 1.2, shows no address before TLS, and counts nobody. So a connection is accepted as on
every other port, and once TLS stands its bytes go to grpcio through a socket that only this user can reach; the name
that the socket has on our side tells which connection a stream belongs to.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tacit.net.accepting import Acceptor, Door, OpenDoor
from tacit.net.binding import bind
from tacit.net.bounds import USUAL, Bounds
from tacit.net.errors import LinkClosed
from tacit.net.grpc_library import METHOD, SERVICE, load_grpc, make_socket_folder
from tacit.net.grpc_link import GrpcLink
from tacit.net.links import CloseCode
from tacit.net.serving import CLOSE_TIMEOUT_S, Handler, Links
from tacit.net.splicing import Side
from tacit.net.tls import own_certificate_hash

MAX_STREAMS: Final = 8
"""Of one connection: its one link, and what asks for the health and the description of the service."""

UNHEARD_BYTES: Final = 256 * 1024
"""What a connection without a member may have sent beyond the frames that have arrived whole: grpcio holds them, and it
knows one largest size for everybody."""

OVERHEAD_BYTES: Final = 64
"""What HTTP/2 and gRPC put around a frame, and what a client says about frames that it has read."""

REFLECTION: Final = "grpc.reflection.v1.ServerReflection"

MIN_PING_S: Final = 10
"""Who asks more often whether the relay is there is sent away."""

_STATUS: Final = {
    CloseCode.PROTOCOL_ERROR: "INVALID_ARGUMENT",
    CloseCode.UNSUPPORTED_DATA: "INVALID_ARGUMENT",
    CloseCode.POLICY_VIOLATION: "PERMISSION_DENIED",
    CloseCode.TOO_BIG: "RESOURCE_EXHAUSTED",
    CloseCode.INTERNAL_ERROR: "INTERNAL",
    CloseCode.TRY_AGAIN_LATER: "UNAVAILABLE",
    CloseCode.ABNORMAL: "ABORTED",
}
"""How a stream ends that does not end well; every other one ends with OK."""


async def serve_grpc(
    handler: Handler,
    host: str,
    port: int,
    ssl_context: ssl.SSLContext,
    *,
    descriptors: Any = None,
    bounds: Bounds = USUAL,
    door: Door | None = None,
) -> GrpcListener:
    """Listen, and run ``handler`` for each stream of ``SERVICE``; when it returns, the stream is ended.

    ``descriptors`` is protobuf's pool that describes the service to whoever asks; None describes nothing. ``door``
    decides who may connect. Raises ``CannotListen``.
    """
    listener = GrpcListener(handler, bounds, OpenDoor() if door is None else door)
    await listener.open(host, port, ssl_context, descriptors)
    return listener


class GrpcListener:
    """The listener that ``serve_grpc`` opens."""

    def __init__(self, handler: Handler, bounds: Bounds, door: Door) -> None:
        self._handler = handler
        self._bounds = bounds
        self._door = door
        self._grpc = load_grpc()
        self._folder: Path | None = None
        self._server: Any = None
        self._links: Links | None = None
        self._acceptor: Acceptor | None = None
        self._connections: dict[str, Connection] = {}
        self._number = 0
        self.port = 0

    async def open(self, host: str, port: int, ssl_context: ssl.SSLContext, descriptors: Any) -> None:
        """Bind the port, start grpcio behind it, and start to accept."""
        bound = await bind(host, port)
        self.port = int(bound.getsockname()[1])
        self._folder = make_socket_folder()
        self._server = await self._start(self._folder / "s", descriptors)
        # Places behind the door are the connections', of which a link is a part.
        self._links = Links(self._handler, OpenDoor(), self._bounds.idle_timeout_s)
        self._acceptor = Acceptor(
            bound,
            self._connection,
            self._door.enter,
            ssl_context,
            handshake_timeout_s=self._bounds.handshake_timeout_s,
            shutdown_timeout_s=CLOSE_TIMEOUT_S,
        )
        self._acceptor.start()

    async def close(self) -> None:
        """Stop listening, end every stream, and stop grpcio."""
        if self._acceptor is None or self._links is None:
            return
        acceptor, self._acceptor = self._acceptor, None
        await acceptor.close()
        await self._links.close()
        await self._server.stop(CLOSE_TIMEOUT_S)
        self._server = None
        await self._links.see_them_gone()
        for connection in tuple(self._connections.values()):
            connection.cut_off()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    # ---- grpcio ----

    async def _start(self, path: Path, descriptors: Any) -> Any:
        grpc = self._grpc
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", self._bounds.max_frame),
                ("grpc.max_send_message_length", self._bounds.max_frame),
                ("grpc.max_concurrent_streams", MAX_STREAMS),
                ("grpc.compression_enabled_algorithms_bitset", 1),
                ("grpc.keepalive_time_ms", int(self._bounds.idle_timeout_s * 500)),
                ("grpc.keepalive_timeout_ms", int(self._bounds.idle_timeout_s * 500)),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", MIN_PING_S * 1000),
                ("grpc.http2.max_pings_without_data", 0),
            ]
        )
        # Frames are bytes here, whatever they say: nothing is parsed on the way.
        method = grpc.stream_stream_rpc_method_handler(self._serve)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: method}),))
        await _describe(server, descriptors)
        server.add_insecure_port(f"unix:{path}")
        await server.start()
        return server

    async def _serve(self, _requests: Any, context: Any) -> None:
        """One stream, from its beginning to its status."""
        connection = self._connections.get(context.peer().removeprefix("unix:"))
        if connection is None or self._links is None or self._acceptor is None:
            await context.abort(self._grpc.StatusCode.UNAVAILABLE, "the relay is stopping")
            return
        if not connection.may_have_link():
            await context.abort(self._grpc.StatusCode.RESOURCE_EXHAUSTED, "too many streams")
            return
        link = connection.new_link(self._bounds)
        await context.send_initial_metadata(())
        handling = self._links.begin(link)
        try:
            await link.carry(_Ending(context, link, self._grpc.aio.EOF))
        except Exception:  # noqa: BLE001 - whatever gRPC raises, the stream is over
            link.finish(LinkClosed(CloseCode.ABNORMAL))
        finally:
            connection.link_ended(link)
            link.over()
            self._links.ended(link)
        await asyncio.wait({handling}, timeout=CLOSE_TIMEOUT_S)
        status = _STATUS.get(CloseCode(link.ended.close_code)) if link.ended is not None else None
        if status is not None:
            await context.abort(self._grpc.StatusCode[status], link.ended.reason if link.ended else "")

    # ---- connections ----

    def _connection(self, peer: str) -> Connection:
        return Connection(peer, self._door, self._bounds, self._arrived, self._settled)

    def _arrived(self, connection: Connection) -> None:
        """TLS stands: connect it with grpcio."""
        if self._folder is None:
            connection.cut_off()
            return
        self._number += 1
        connection.name = str(self._folder / str(self._number))
        self._connections[connection.name] = connection
        connection.connecting = asyncio.create_task(_connect(connection, str(self._folder / "s")))

    def _settled(self, connection: Connection, *, is_over: bool) -> None:
        """Forget an arrival: it has a link now, or is over."""
        if self._acceptor is not None:
            self._acceptor.settled(connection)
        if is_over:
            self._connections.pop(connection.name, None)


class Connection(Side):
    """One connection of a client, whose other side is grpcio."""

    def __init__(
        self,
        origin: str,
        door: Door,
        bounds: Bounds,
        arrived: Callable[[Connection], None],
        settled: Callable[..., None],
    ) -> None:
        super().__init__()
        self.origin = origin
        self.name = ""
        """Its name for grpcio."""
        self.connecting: asyncio.Task[None] | None = None
        self._door = door
        self._bounds = bounds
        self._arrived = arrived
        self._settled = settled
        self._is_inside = True
        self._links: set[GrpcLink] = set()
        self._has_had_link = False
        self._own_certificate_hash = b""
        self._unheard_bytes = 0
        self._has_member = False
        self._heard_at_s = time.monotonic()
        self._deadline: asyncio.TimerHandle | None = None
        self._expect_link()

    def may_have_link(self) -> bool:
        """Whether a stream may become a link: one at a time, and each after the first counts as a connection does."""
        if self._links:
            return False
        if self._has_had_link:
            # The connection keeps the place that it has; what counts is how often somebody comes.
            if not self._door.enter(self.origin):
                return False
            self._door.leave(self.origin)
        self._has_had_link = True
        return True

    def new_link(self, bounds: Bounds) -> GrpcLink:
        """Make a link of a stream that has begun."""
        link = GrpcLink(
            bounds, cut=self.cut_off, peer_address=self.origin, own_certificate_hash=self._own_certificate_hash
        )
        link.on_frame, link.on_limit, link.on_tick = self._heard, self._trust, self._tick
        self._links.add(link)
        self._settled(self, is_over=False)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        return link

    def link_ended(self, link: GrpcLink) -> None:
        """Expect another, or the end."""
        self._links.discard(link)
        if not self._links and not self.is_over:
            self._expect_link()

    def ended(self) -> None:
        """Make room for another connection from there."""
        if self._deadline is not None:
            self._deadline.cancel()
        if self._is_inside:
            self._is_inside = False
            self._door.leave(self.origin)
            self._settled(self, is_over=True)

    # ---- called by the event loop ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS stands."""
        super().connection_made(transport)
        self._own_certificate_hash = own_certificate_hash(transport.get_extra_info("ssl_object"))
        self._arrived(self)

    def data_received(self, data: bytes) -> None:
        """Pass it on, unless a stranger sends too much."""
        self._heard_at_s = time.monotonic()
        self._unheard_bytes += len(data)
        if self._unheard_bytes > UNHEARD_BYTES and not self._has_member:
            for link in self._links:
                link.finish(LinkClosed(CloseCode.TOO_BIG, "frame too large"))
            self.cut_off()
        else:
            super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End every link that came with it."""
        super().connection_lost(exc)
        if self.connecting is not None:
            self.connecting.cancel()
        for link in self._links:
            link.finish(LinkClosed(CloseCode.ABNORMAL))
        self.ended()

    # ---- called by its links ----

    def _heard(self, size_bytes: int) -> None:
        self._unheard_bytes = max(0, self._unheard_bytes - size_bytes - OVERHEAD_BYTES)

    def _trust(self, max_bytes: int) -> None:
        self._has_member = self._has_member or max_bytes > self._bounds.first_max_frame

    def _tick(self) -> None:
        """Cut off a connection on which nothing has come, not even the answers to gRPC's pings."""
        # grpcio pings by the machine's clock, whatever the event loop goes by.
        if time.monotonic() - self._heard_at_s > self._bounds.idle_timeout_s:
            self.cut_off()

    def _expect_link(self) -> None:
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._bounds.handshake_timeout_s, self.cut_off)


class _Ending:
    """A stream of the server's side, of which a link learns why it ends."""

    def __init__(self, context: Any, link: GrpcLink, end: object) -> None:
        self._context = context
        self._link = link
        self._end = end

    async def read(self) -> Any:
        """The next message."""
        try:
            message = await self._context.read()
        except Exception:  # noqa: BLE001 - whatever gRPC raises, the stream is over
            self._link.finish(LinkClosed(CloseCode.ABNORMAL))
            return None
        if message is self._end:
            self._link.finish(LinkClosed(CloseCode.NORMAL))
            return None
        return message

    async def write(self, message: bytes) -> None:
        """Hand a message over."""
        await self._context.write(message)


async def _connect(connection: Connection, path: str) -> None:
    """Give a connection its other side, under its own name."""
    loop = asyncio.get_running_loop()
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        ours.setblocking(False)
        ours.bind(connection.name)
        await loop.sock_connect(ours, path)
        # What grpcio was told at the beginning counts; the file has done its work.
        os.unlink(connection.name)  # noqa: PTH108 - in memory, or nearly
        _, side = await loop.create_unix_connection(Side, sock=ours)
    except BaseException as error:
        ours.close()
        connection.cut_off()
        if not isinstance(error, OSError):
            raise
        return
    connection.join(side)


async def _describe(server: Any, descriptors: Any) -> None:
    """Answer whether the relay is well, and what it speaks."""
    if descriptors is None:
        return
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha import reflection, reflection_pb2

    healthy: Any = health.aio.HealthServicer()  # type: ignore[attr-defined]  # its stubs know the other one only
    for name in ("", SERVICE):
        await healthy.set(name, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    named = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(named, server, descriptors)
    # The library knows reflection by the name that it had before it was settled; the messages are the same.
    described: Any = reflection.aio.ReflectionServicer(named, pool=descriptors)  # type: ignore[attr-defined]  # as above
    method = load_grpc().stream_stream_rpc_method_handler(
        described.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    handler = load_grpc().method_handlers_generic_handler(REFLECTION, {"ServerReflectionInfo": method})
    server.add_generic_rpc_handlers((handler,))
