"""The way through SOCKS5 and HTTP CONNECT, with proxies that people run: microsocks and tinyproxy."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tacit.net import ConnectionRefused, ConnectTimeout, FrameLink, NameNotVerified, connect
from tacit.net.errors import BadProxy, ProxyRefused, ProxyUnreachable
from tacit.net.grpc_client import connect_grpc
from tacit.net.proxies import Proxy, choose_proxy, is_exempt, read_proxy
from tacit.net.tcp_client import connect_tcp
from tacit.net.ws_client import connect_ws
from tests.net.conftest import Pem, Where, serving
from tests.ops.needed import needed
from tests.ports import free_port

CONNECTS: Mapping[str, Any] = {"ws": connect_ws, "grpc": connect_grpc, "tcp": connect_tcp}
KINDS = ("socks5h", "http")


@asynccontextmanager
async def proxy(kind: str, folder: Path, *, auth: bool = False) -> AsyncIterator[Proxy]:
    """A running proxy; with ``auth`` it lets maya in only."""
    port, command = free_port(), []
    if kind == "socks5h":
        command = [needed("microsocks", "microsocks"), "-i", "127.0.0.1", "-p", str(port)]
        command += ["-u", "maya", "-P", "secret"] if auth else []
    else:
        lines = ["Listen 127.0.0.1", f"Port {port}", "Timeout 600", "LogLevel Error"]
        lines += ["BasicAuth maya secret"] if auth else []
        settings = folder / "tinyproxy.conf"
        settings.write_text("\n".join(lines) + "\n")
        command = [needed("tinyproxy", "tinyproxy"), "-d", "-c", str(settings)]
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
    try:
        await _listens(port, process)
        yield read_proxy(f"{kind}://127.0.0.1:{port}")
    finally:
        process.terminate()
        await process.wait()


async def _listens(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(20):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
    raise RuntimeError("the proxy has ended")


@dataclass(frozen=True)
class Named:
    port: int
    host: str = "localhost"


@pytest.mark.parametrize("carrier", CONNECTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_frames_go_through_a_proxy_and_tls_ends_at_the_relay(
    pem: Pem, kind: str, carrier: str, tmp_path: Path
) -> None:
    async with serving(pem, transport=carrier) as listener, proxy(kind, tmp_path) as through:
        link: FrameLink = await CONNECTS[carrier](Named(listener.port), timeout_s=10, proxy=through)
        for frame in (b"x", b"y" * 60_000):
            await link.send(frame)
            assert await link.receive() == frame
        assert link.peer_certificate_hash == hashlib.sha256(pem.der).digest()
        await link.close()
        with pytest.raises(NameNotVerified):
            await CONNECTS[carrier](Named(listener.port), timeout_s=10, proxy=through, verify_name=True)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_proxy_that_wants_a_password_gets_one_and_refuses_others(pem: Pem, kind: str, tmp_path: Path) -> None:
    async with serving(pem, transport="tcp") as listener, proxy(kind, tmp_path, auth=True) as open_to_all:
        where = f"{open_to_all.host}:{open_to_all.port}"
        link = await connect_tcp(Where(listener.port), timeout_s=10, proxy=read_proxy(f"{kind}://maya:secret@{where}"))
        await link.send(b"x")
        assert await link.receive() == b"x"
        await link.close()
        for who in ("", "maya:wrong@"):
            for carrier in ("ws", "tcp"):
                with pytest.raises(ProxyRefused):
                    await CONNECTS[carrier](
                        Where(listener.port), timeout_s=10, proxy=read_proxy(f"{kind}://{who}{where}")
                    )


@pytest.mark.parametrize("carrier", CONNECTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_proxy_that_is_down_has_an_error_of_its_own(kind: str, carrier: str) -> None:
    with pytest.raises(ProxyUnreachable) as down:
        await CONNECTS[carrier](Where(1), timeout_s=10, proxy=read_proxy(f"{kind}://127.0.0.1:{free_port()}"))
    assert down.value.code == "proxy-unreachable"


async def test_a_relay_that_is_down_is_told_from_a_proxy_that_is(tmp_path: Path) -> None:
    async with proxy("socks5h", tmp_path) as through:
        with pytest.raises(ConnectionRefused):
            await connect_tcp(Where(free_port()), timeout_s=10, proxy=through)
    async with proxy("http", tmp_path) as through:
        with pytest.raises(ProxyRefused):
            await connect_ws(Where(free_port()), timeout_s=10, proxy=through)


async def test_a_name_that_only_the_proxy_knows_is_left_to_it() -> None:
    """As Tor knows what ends in .onion: the name arrives there as it stands in the link."""
    asked: list[bytes] = []
    left: asyncio.Queue[None] = asyncio.Queue()

    async def tor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(3)
        writer.write(b"\x05\x00")
        head = await reader.readexactly(5)
        asked.append(head[3:4] + await reader.readexactly(head[4]))
        writer.write(b"\x05\x04\x00\x01" + bytes(6))
        writer.close()
        await writer.wait_closed()
        left.put_nowait(None)

    server = await asyncio.start_server(tor, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    name = "expyuzz4wqqyqhjn.onion"
    with pytest.raises(ProxyRefused):
        await connect(Where(5000, host=name, scheme="tcp"), timeout_s=10, proxy=f"socks5://127.0.0.1:{port}")
    assert asked == [b"\x03" + name.encode()]
    await left.get()
    server.close()


async def test_a_proxy_that_does_not_answer_is_given_the_usual_time() -> None:
    left: asyncio.Queue[None] = asyncio.Queue()

    async def be_mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        left.put_nowait(None)

    server = await asyncio.start_server(be_mute, "127.0.0.1", 0)
    through = Proxy("socks5", "127.0.0.1", server.sockets[0].getsockname()[1])
    for connecting in (connect_ws, connect_tcp):
        with pytest.raises(ConnectTimeout):
            await connecting(Where(1), timeout_s=0.3, proxy=through)
        await left.get()
    server.close()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("socks5h://127.0.0.1:9050", Proxy("socks5", "127.0.0.1", 9050)),
        ("socks5://tor", Proxy("socks5", "tor", 1080)),
        ("HTTP://maya:s%40c%3Aret@proxy.example:3128/", Proxy("http", "proxy.example", 3128, "maya", "s@c:ret")),
        ("proxy.example:3128", Proxy("http", "proxy.example", 3128)),
        ("http://[::1]:8080", Proxy("http", "::1", 8080)),
    ],
)
def test_proxies_are_written_as_everywhere(text: str, meant: Proxy) -> None:
    assert read_proxy(text) == meant
    assert "s@c" not in repr(meant)


@pytest.mark.parametrize(
    "text", ["https://x:1", "socks4://x:1", "socks5://", "http://x:99999", "http://x/y", "http://x:y"]
)
def test_what_is_no_proxy_is_said_to_be_none(text: str) -> None:
    with pytest.raises(BadProxy):
        read_proxy(text)


def test_the_environment_is_heeded_unless_something_else_was_asked_for() -> None:
    tor, other = "socks5h://127.0.0.1:9050", "http://proxy:8080"
    host = "relay.example.org"
    assert choose_proxy(host, "", {}) is None
    assert choose_proxy(host, "", {"ALL_PROXY": tor}) == read_proxy(tor)
    assert choose_proxy(host, "", {"ALL_PROXY": other, "all_proxy": tor}) == read_proxy(tor)
    assert choose_proxy(host, other, {"ALL_PROXY": tor, "NO_PROXY": "*"}) == read_proxy(other)
    assert choose_proxy(host, "direct", {"ALL_PROXY": tor}) is None
    assert choose_proxy(host, "", {"ALL_PROXY": tor, "NO_PROXY": "localhost, .example.org"}) is None
    for here in ("127.0.0.1", "::1", "localhost"):
        assert choose_proxy(here, tor, {"ALL_PROXY": "gopher://x"}) is None
        with pytest.raises(BadProxy):
            choose_proxy(here, "gopher://x", {})


@pytest.mark.parametrize(
    ("host", "exempt", "expected"),
    [
        ("example.org", "example.org", True),
        ("a.example.org", "example.org", True),
        ("a.example.org", "*.example.org", True),
        ("notexample.org", "example.org", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("fd00::1", "fd00::/8", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("example.org", "10.0.0.0/8", False),
        ("example.org", "", False),
        ("example.org", "*", True),
        ("Example.ORG", "EXAMPLE.org", True),
    ],
)
def test_no_proxy_names_hosts_domains_and_networks(host: str, exempt: str, expected: bool) -> None:
    assert is_exempt(host, exempt) is expected
