"""Opens a link over gRPC to a relay, on a TLS 1.3 connection of ours.

grpcio does not tell which certificate it was shown, takes TLS 1.2, and makes connections of its own as it likes. So
this side makes one connection, sees its certificate, and lets grpcio speak through it: what is compared with the
relay's Hello is the certificate of the very bytes that carry it.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
from typing import Any, Final

from tacit import limits
from tacit.net.bounds import Bounds
from tacit.net.dialing import open_tls, why_not
from tacit.net.errors import ConnectTimeout, LinkClosed, NotARelay
from tacit.net.grpc_library import METHOD, SERVICE, load_grpc, make_socket_folder
from tacit.net.grpc_link import GrpcLink
from tacit.net.links import CloseCode, Target
from tacit.net.proxies import Proxy
from tacit.net.serving import CLOSE_TIMEOUT_S
from tacit.net.splicing import Side
from tacit.net.tls import H2, client_context, peer_certificate_hash

_CODES: Final = {
    "OK": CloseCode.NORMAL,
    "INVALID_ARGUMENT": CloseCode.PROTOCOL_ERROR,
    "PERMISSION_DENIED": CloseCode.POLICY_VIOLATION,
    "RESOURCE_EXHAUSTED": CloseCode.TOO_BIG,
    "INTERNAL": CloseCode.INTERNAL_ERROR,
}
"""What a stream's status says of its end; every other one that it was not on purpose."""


async def connect_grpc(
    target: Target,
    *,
    timeout_s: float,
    verify_name: bool = False,
    max_frame: int = limits.MAX_FRAME_BYTES,
    ping_every_s: float = limits.IDLE_TIMEOUT_S / 3,
    proxy: Proxy | None = None,
) -> GrpcLink:
    """Connect, agree on TLS 1.3 and begin a stream, all within ``timeout_s``.

    Raises one of the ``Unreachable`` family, or ``NameNotVerified``. Cancelling leaves no task and no socket behind.
    """
    where = f"{target.host}:{target.port}"
    tls = client_context(verify_name=verify_name, alpn=H2)
    load_grpc()  # before the clock runs: on a busy machine reading it in takes seconds that are not the relay's
    try:
        async with asyncio.timeout(timeout_s):
            outside = await open_tls(target, Side, tls, proxy)
            try:
                return await _begin(outside, max_frame, ping_every_s)
            except BaseException:
                outside.cut_off()
                raise
    except TimeoutError:
        raise ConnectTimeout(where) from None
    except NotARelay:
        raise NotARelay(where) from None
    except (OSError, ValueError) as error:
        raise why_not(error)(where) from error


async def _begin(outside: Side, max_frame: int, ping_every_s: float) -> GrpcLink:
    grpc, loop = load_grpc(), asyncio.get_running_loop()
    if outside.transport is None:
        raise ConnectionResetError
    link = GrpcLink(
        Bounds(max_frame=max_frame, first_max_frame=max_frame),
        cut=outside.cut_off,
        peer_certificate_hash=peer_certificate_hash(outside.transport.get_extra_info("ssl_object")),
    )
    folder = make_socket_folder()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    channel: Any = None
    try:
        listening.setblocking(False)
        listening.bind(str(folder / "s"))
        listening.listen(1)
        channel = grpc.aio.insecure_channel(f"unix:{folder / 's'}", options=_options(max_frame, ping_every_s))
        stream = channel.stream_stream(f"/{SERVICE}/{METHOD}")()
        accepted, _ = await loop.sock_accept(listening)
        _, inside = await loop.create_unix_connection(Side, sock=accepted)
        outside.join(inside)
        try:
            await stream.wait_for_connection()
        except grpc.aio.AioRpcError:
            raise NotARelay from None
    except BaseException:
        if channel is not None:
            await channel.close()
        raise
    finally:
        listening.close()
        shutil.rmtree(folder, ignore_errors=True)
    link.carrying = loop.create_task(_carry(link, grpc, channel, stream))
    return link


def _options(max_frame: int, ping_every_s: float) -> list[tuple[str, int | str]]:
    return [
        ("grpc.max_receive_message_length", max_frame + 1),
        ("grpc.max_send_message_length", limits.MAX_FRAME_BYTES),
        ("grpc.keepalive_time_ms", int(ping_every_s * 1000)),
        ("grpc.keepalive_timeout_ms", int(ping_every_s * 500)),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.enable_retries", 0),
        ("grpc.enable_http_proxy", 0),
        ("grpc.default_authority", "relay"),
    ]


async def _carry(link: GrpcLink, grpc: Any, channel: Any, stream: Any) -> None:
    """Move a link's frames until it has ended, and then end the stream and its connection."""

    async def take_leave() -> None:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await stream.done_writing()
            await stream.code()

    try:
        await link.carry(_Reader(link, grpc, stream), take_leave)
    except (grpc.RpcError, grpc.aio.UsageError, asyncio.InvalidStateError, TimeoutError):
        link.finish(LinkClosed(CloseCode.ABNORMAL))
    finally:
        await channel.close()
        link.over()
        link.cut()


class _Reader:
    """A stream of the client's side, of which a link learns why it ends."""

    def __init__(self, link: GrpcLink, grpc: Any, stream: Any) -> None:
        self._link = link
        self._grpc = grpc
        self._stream = stream

    async def read(self) -> Any:
        """The next message; at the end, whatever ended it has been told to the link."""
        try:
            message = await self._stream.read()
        except (self._grpc.RpcError, self._grpc.aio.UsageError, asyncio.InvalidStateError):
            message = self._grpc.aio.EOF
        if message is not self._grpc.aio.EOF:
            return message
        status = await self._stream.code()
        code = _CODES.get(status.name, CloseCode.ABNORMAL)
        self._link.finish(LinkClosed(code, await self._stream.details() if code != CloseCode.ABNORMAL else ""))
        return None

    async def write(self, message: bytes) -> None:
        """Hand a message over."""
        await self._stream.write(message)
