"""Posting a small document to somebody's HTTPS endpoint: one try, its status, and nothing of what it answers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from tacit.errors import TransportError
from tacit.net.addresses import is_loopback


class PostFailed(TransportError):
    """The endpoint could not be reached, or did not answer."""

    code = "post-failed"


def is_endpoint(url: str) -> bool:
    """Whether an address can be posted to: HTTPS, or plain HTTP on this machine itself."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


async def post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> int:
    """Post once and return the status. Follows nothing and reads nothing. Raises ``PostFailed``."""
    import aiohttp

    # Of its own: aiohttp's reads the machine's authorities once, when it is loaded. That takes a tenth of a second.
    authorities = await asyncio.to_thread(ssl.create_default_context)
    connector = aiohttp.TCPConnector(ssl=authorities, force_close=True)
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.post(url, data=body, headers=dict(headers), allow_redirects=False) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise PostFailed(type(error).__name__) from None
