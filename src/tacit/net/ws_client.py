"""Opens a WebSocket over TLS 1.3 to a relay.

No cookies, no redirects, no compression: one connection to one address.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import partial
from typing import Any

import aiohttp
from yarl import URL

from tacit import limits
from tacit.net.dialing import open_tls, why_not
from tacit.net.errors import ConnectTimeout, NotARelay
from tacit.net.links import Target
from tacit.net.proxies import Proxy
from tacit.net.serving import CLOSE_TIMEOUT_S
from tacit.net.tls import client_context, peer_certificate_hash
from tacit.net.ws_link import WebSocketLink

PING_EVERY_S = limits.IDLE_TIMEOUT_S / 3


async def connect_ws(
    target: Target,
    *,
    timeout_s: float,
    verify_name: bool = False,
    max_frame: int = limits.MAX_FRAME_BYTES,
    ping_every_s: float = PING_EVERY_S,
    proxy: Proxy | None = None,
) -> WebSocketLink:
    """Connect, agree on TLS 1.3 and upgrade to WebSocket, all within ``timeout_s``.

    Raises one of the ``Unreachable`` family, or ``NameNotVerified``. Cancelling leaves no task and no socket behind.
    """
    where = f"{target.host}:{target.port}"
    try:
        async with asyncio.timeout(timeout_s):
            return await _open(target, verify_name, max_frame, ping_every_s, proxy)
    except TimeoutError:
        raise ConnectTimeout(where) from None
    except ValueError as error:
        raise why_not(error)(where) from error
    except (aiohttp.ClientError, OSError) as error:
        raise NotARelay(where) from error


class _ClientSocket(aiohttp.ClientWebSocketResponse):
    """aiohttp's client WebSocket, which can also be cut off."""

    def abort(self) -> None:
        """Drop the connection without a close frame or TLS goodbye."""
        connection = self._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        self._set_closed()
        self._response.close()


class _Connector(aiohttp.BaseConnector):
    """Gives aiohttp a connection in which TLS stands, made as every transport makes it."""

    def __init__(self, target: Target, tls: ssl.SSLContext, proxy: Proxy | None) -> None:
        super().__init__(limit=1, force_close=True)
        self._where = f"{target.host}:{target.port}"
        self._gone: asyncio.Future[None] | None = None
        self._open = partial(open_tls, target, self._factory, tls, proxy)

    async def _create_connection(self, _req: Any, _traces: Any, _timeout: Any) -> Any:
        try:
            protocol = await self._open()
        except (OSError, ValueError) as error:
            # Here and not by whoever connects: aiohttp makes one kind of all of them.
            raise why_not(error)(self._where) from error
        self._gone = protocol.closed
        return protocol

    async def see_it_gone(self) -> None:
        """Close the connection, and wait until its socket is: TLS's goodbye takes ``CLOSE_TIMEOUT_S`` at most."""
        await self.close()
        if self._gone is not None:
            done, _ = await asyncio.wait({self._gone}, timeout=2 * CLOSE_TIMEOUT_S)
            for gone in done:
                gone.exception()  # how it was lost is told elsewhere


async def _open(
    target: Target, verify_name: bool, max_frame: int, ping_every_s: float, proxy: Proxy | None
) -> WebSocketLink:
    connector = _Connector(target, client_context(verify_name=verify_name), proxy)
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        ws_response_class=_ClientSocket,
        middlewares=(_upgrade_or_nothing,),
        headers={"User-Agent": "tacit"},
        skip_auto_headers=("Accept", "Accept-Encoding"),
        auto_decompress=False,
    )
    try:
        socket: Any = await session.ws_connect(
            URL.build(scheme="wss", host=target.host, port=target.port, path="/"),
            max_msg_size=max_frame + 1,
            heartbeat=ping_every_s,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
        )
    except BaseException:
        await session.close()
        raise
    # The link owns the connection from here; a session would only keep cookies and pools that nobody wants.
    session.detach()
    return WebSocketLink(
        socket,
        max_frame=max_frame,
        peer_certificate_hash=peer_certificate_hash(socket.get_extra_info("ssl_object")),
        release=connector.see_it_gone,
    )


async def _upgrade_or_nothing(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Take 101 and nothing else: a redirect would let whoever answers send this client elsewhere."""
    response = await handler(request)
    if response.status != 101:
        response.close()
        raise aiohttp.ClientConnectionError("not a WebSocket")
    return response
