"""The one way to a relay: picks the transport that the link names, and the proxy that leads there."""

from __future__ import annotations

import os

from tacit import limits
from tacit.net.errors import UnknownTransport
from tacit.net.links import FrameLink, Target
from tacit.net.proxies import choose_proxy


async def connect(
    target: Target,
    *,
    timeout_s: float,
    verify_name: bool = False,
    max_frame: int = limits.MAX_FRAME_BYTES,
    proxy: str = "",
) -> FrameLink:
    """Open a link to ``target`` within ``timeout_s``.

    The certificate is accepted as it is, unless ``verify_name`` asks for the ordinary verification as well; the caller
    checks ``peer_certificate_hash`` against what the relay key signed. An empty ``proxy`` is that of ``ALL_PROXY``, and
    ``direct`` none. Raises one of the ``Unreachable`` family, ``NameNotVerified``, ``UnknownTransport``, ``BadProxy``.
    """
    through = choose_proxy(target.host, proxy, os.environ)
    # Here and not above: aiohttp takes a tenth of a second to load, which commands that stay offline need not pay.
    match target.scheme:
        case "ws":
            from tacit.net.ws_client import connect_ws

            return await connect_ws(
                target, timeout_s=timeout_s, verify_name=verify_name, max_frame=max_frame, proxy=through
            )
        case "grpc":
            from tacit.net.grpc_client import connect_grpc

            return await connect_grpc(
                target, timeout_s=timeout_s, verify_name=verify_name, max_frame=max_frame, proxy=through
            )
        case "tcp":
            from tacit.net.tcp_client import connect_tcp

            return await connect_tcp(
                target, timeout_s=timeout_s, verify_name=verify_name, max_frame=max_frame, proxy=through
            )
    raise UnknownTransport(target.scheme)
