"""Real certificates and real sockets on loopback for the tests of ``net``."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tacit.crypto.certificates import make_relay_certificate
from tacit.net import FrameLink, LinkClosed
from tacit.net.grpc_served import serve_grpc
from tacit.net.serving import Listener
from tacit.net.tcp_served import serve_tcp
from tacit.net.tls import server_context
from tacit.net.ws_server import serve_ws

ALPN = {"ws": ["http/1.1"], "grpc": ["h2"], "tcp": ["http/1.1"]}


TURNS = 50
"""Of the event loop: more than it takes until a connection on loopback is accepted, or its end is seen."""

TELL_CODES = {"ws"}
"""Where the other side learns why a link was closed; elsewhere it learns that it was, on purpose or not."""


@pytest.fixture(params=["ws", "grpc", "tcp"])
def carrier(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@dataclass(frozen=True)
class Where:
    """A target on loopback."""

    port: int
    host: str = "127.0.0.1"
    scheme: str = "ws"


@dataclass(frozen=True)
class Pem:
    certificate: bytes
    key: bytes

    @property
    def der(self) -> bytes:
        return ssl.PEM_cert_to_DER_cert(self.certificate.decode())


def make_pem(key: Any) -> Pem:
    """A self-signed certificate of an operator's own, for a key of any kind."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tacit relay")])
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start.replace(year=2100))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    return Pem(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


@pytest.fixture(scope="session")
def pem() -> Pem:
    return Pem(*make_relay_certificate(secrets.token_bytes(32), ["localhost", "127.0.0.1"], now_s=1.8e9))


async def echo(link: FrameLink) -> None:
    while True:
        await link.send(await link.receive())


@asynccontextmanager
async def serving(
    pem: Pem, handler: Callable[[FrameLink], Awaitable[None]] = echo, transport: str = "ws", **options: Any
) -> AsyncIterator[Listener]:
    serve: Any = {"ws": serve_ws, "grpc": serve_grpc, "tcp": serve_tcp}[transport]
    tls = server_context(pem.certificate, pem.key, ALPN[transport])
    listener = await serve(handler, "127.0.0.1", 0, tls, **options)
    try:
        yield listener
    finally:
        async with asyncio.timeout(10):
            await listener.close()


async def leap(seconds: float) -> None:
    """Let so much pass by the clock of the event loop, once everybody has done what takes no time."""
    loop = asyncio.get_running_loop()
    for _ in range(TURNS):
        await asyncio.sleep(0)
    before = loop.time
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]  # whoever asks for the time asks there
    for _ in range(TURNS):
        await asyncio.sleep(0)


class Held:
    """A handler that hands each link to the test and keeps it open until the test is done with it."""

    def __init__(self) -> None:
        self.links: asyncio.Queue[FrameLink] = asyncio.Queue()
        self.done = asyncio.Event()
        self.ended: asyncio.Queue[LinkClosed | None] = asyncio.Queue()

    async def __call__(self, link: FrameLink) -> None:
        await self.links.put(link)
        await self.done.wait()
