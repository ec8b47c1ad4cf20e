"""The one way to a relay: picks the transport that the link names."""

from __future__ import annotations

from tacit import limits
from tacit.net.errors import UnknownTransport
from tacit.net.links import FrameLink, Target


async def connect(
    target: Target, *, timeout_s: float, verify_name: bool = False, max_frame: int = limits.MAX_FRAME_BYTES
) -> FrameLink:
    """Open a link to ``target`` within ``timeout_s``.

    The certificate is accepted as it is, unless ``verify_name`` asks for the ordinary verification as well; the caller
    checks ``peer_certificate_hash`` against what the relay key signed. Raises one of the ``Unreachable`` family,
    ``NameNotVerified`` or ``UnknownTransport``.
    """
    # Here and not above: aiohttp takes a tenth of a second to load, which commands that stay offline need not pay.
    match target.scheme:
        case "ws":
            from tacit.net.ws_client import connect_ws

            return await connect_ws(target, timeout_s=timeout_s, verify_name=verify_name, max_frame=max_frame)
        case "grpc":
            from tacit.net.grpc_client import connect_grpc

            return await connect_grpc(target, timeout_s=timeout_s, verify_name=verify_name, max_frame=max_frame)
        case "tcp":
            from tacit.net.tcp_client import connect_tcp

            return await connect_tcp(target, timeout_s=timeout_s, verify_name=verify_name, max_frame=max_frame)
    raise UnknownTransport(target.scheme)
