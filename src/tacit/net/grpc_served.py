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
from pathlib import Path
from typing import Any, Final

from tacit.net.accepting import Acceptor, Door, OpenDoor
from tacit.net.bounds import USUAL, Bounds
from tacit.net.errors import LinkClosed
from tacit.net.grpc_connection import Connection
from tacit.net.grpc_library import METHOD, SERVICE, load_grpc, make_socket_folder
from tacit.net.grpc_link import GrpcLink
from tacit.net.links import CloseCode
from tacit.net.serving import CLOSE_TIMEOUT_S, Handler, Links, open_port
from tacit.net.splicing import Side

MAX_STREAMS: Final = 8
"""Of one connection: its one link, and what asks for the health and the description of the service."""

REFLECTION: Final = "grpc.reflection.v1.ServerReflection"

GRPCIO_WAITS: Final = 20
"""Idle times until grpcio itself takes a peer for gone. Connections see to that much sooner, and they do not mistake a
pause of this machine for one of the peer."""

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
        self._acceptor = await open_port(host, port, self._connection, self._door.enter, ssl_context, self._bounds)
        self.port = self._acceptor.port
        self._folder = make_socket_folder()
        self._server = await self._start(self._folder / "s", descriptors)
        # Places behind the door are the connections', of which a link is a part.
        self._links = Links(self._handler, OpenDoor(), self._bounds.idle_timeout_s)
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
                ("grpc.keepalive_timeout_ms", int(self._bounds.idle_timeout_s * GRPCIO_WAITS * 1000)),
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
        if link.ended is None:
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
