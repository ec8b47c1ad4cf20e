"""A way to the relay that leads through somebody else: SOCKS5, Tor included, and HTTP CONNECT.

TLS goes through the proxy to the relay itself, so a proxy learns where the relay is and how much is said, and can do
no more than any other router. Names are always looked up by the proxy: here that would tell others, and ``.onion``
means nothing to anybody else.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from tacit.errors import TransportError
from tacit.net.addresses import is_loopback
from tacit.net.errors import BadProxy, ConnectionRefused, ProxyRefused, ProxyUnreachable

DIRECT: Final = "direct"
"""Instead of a proxy's address: none, whatever the environment says."""

_KINDS: Final = {"socks5": "socks5", "socks5h": "socks5", "http": "http"}
_PORTS: Final = {"socks5": 1080, "http": 8080}
_REFUSED_BY_RELAY: Final = 5
"""SOCKS5's word for a relay that does not listen. Source: RFC 1928 §6"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where it is, how it is spoken to, and who we are to it."""

    kind: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)


def read_proxy(text: str) -> Proxy:
    """A proxy from ``socks5h://user:password@host:port`` or ``http://...``. Raises ``BadProxy``."""
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        kind, port = _KINDS[parts.scheme.lower()], parts.port
    except (ValueError, KeyError):
        raise BadProxy from None
    if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise BadProxy
    return Proxy(
        kind, parts.hostname, port or _PORTS[kind], unquote(parts.username or ""), unquote(parts.password or "")
    )


def choose_proxy(host: str, asked: str, environment: Mapping[str, str]) -> Proxy | None:
    """The proxy for a relay: the one asked for, else that of ``ALL_PROXY``, unless ``NO_PROXY`` names the host.

    None is needed to reach this machine. Raises ``BadProxy``, for what was asked in any case.
    """
    if asked == DIRECT:
        return None
    if asked:
        proxy = read_proxy(asked)
        return None if is_loopback(host) else proxy
    text = proxy_of(environment)
    exempt = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    return read_proxy(text) if text and not is_loopback(host) and not is_exempt(host, exempt) else None


def proxy_of(environment: Mapping[str, str]) -> str:
    """What the environment says about a proxy for everything, empty if nothing."""
    return environment.get("all_proxy") or environment.get("ALL_PROXY") or ""


def is_exempt(host: str, exempt: str) -> bool:
    """Whether ``NO_PROXY`` names a host: itself, a domain that it is in, a network, or ``*`` for all."""
    return any(_names(entry, host.lower()) for entry in exempt.lower().replace(",", " ").split())


async def connect_through(proxy: Proxy, host: str, port: int) -> socket.socket:
    """Have a proxy connect to ``host``; the socket is ready for TLS.

    Raises ``ProxyUnreachable``, ``ProxyRefused`` or ``ConnectionRefused``; whoever calls limits the time.
    """
    from python_socks import ProxyConnectionError, ProxyError, ProxyType
    from python_socks.async_.asyncio import Proxy as Connector

    kind = ProxyType.SOCKS5 if proxy.kind == "socks5" else ProxyType.HTTP
    where = f"{proxy.host}:{proxy.port}"
    through = Connector(
        kind, proxy.host, proxy.port, username=proxy.user or None, password=proxy.password or None, rdns=True
    )
    try:
        return await through.connect(host, port, timeout=_LONG_S)
    except ProxyConnectionError as error:
        raise ProxyUnreachable(where) from error
    except ProxyError as error:
        raise _refused(proxy, error.error_code)(where) from error
    except (OSError, ValueError) as error:
        raise ProxyRefused(where) from error


_LONG_S: Final = 3600.0
"""The library wants a time of its own; ours is shorter."""


def _refused(proxy: Proxy, code: int | None) -> type[TransportError]:
    return ConnectionRefused if proxy.kind == "socks5" and code == _REFUSED_BY_RELAY else ProxyRefused


def _names(entry: str, host: str) -> bool:
    if entry == "*":
        return True
    try:
        network = ipaddress.ip_network(entry, strict=False)
        return ipaddress.ip_address(host) in network
    except (ValueError, TypeError):
        domain = entry.lstrip("*").lstrip(".")
        return bool(domain) and (host == domain or host.endswith(f".{domain}"))
