"""Pages for monitoring: who may ask, how long, and what happens when the process may open no more files."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tacit.net import pages
from tacit.net.errors import CannotListen
from tacit.net.pages import Page, PageListener, names_us, serve_pages

uvloop = pytest.importorskip("uvloop")


async def hello(accept: str) -> Page:
    return Page(f"hello, {accept}\n".encode())


async def fault(accept: str) -> Page:
    raise RuntimeError("with a secret")


@asynccontextmanager
async def serving(host: str = "127.0.0.1") -> AsyncIterator[PageListener]:
    listener = await serve_pages({"/hello": hello, "/fault": fault}, host, 0)
    try:
        yield listener
    finally:
        await listener.close()


async def ask(port: int, request: str, *, host: str = "127.0.0.1") -> str:
    """Send these lines, and read until the other side ends it."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write("\r\n".join([*request.splitlines(), "", ""]).encode())
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer.decode()


async def get(port: int, path: str, named: str = "127.0.0.1", *lines: str) -> tuple[int, str]:
    answer = await ask(port, "\n".join([f"GET {path} HTTP/1.1", f"Host: {named}", *lines]))
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), body


async def test_a_page_is_answered_and_the_connection_ends():
    async with serving() as listener:
        assert await get(listener.port, "/hello", "127.0.0.1", "Accept: text/x") == (200, "hello, text/x\n")
        answer = await ask(listener.port, "HEAD /hello HTTP/1.1\nHost: localhost")
        assert answer.startswith("HTTP/1.1 200 ")
        assert answer.endswith("\r\n\r\n")
        assert "Server: tacit\r\n" in answer
        assert "aiohttp" not in answer.lower()


@pytest.mark.parametrize("path", ["/", "/hello/", "/hello/../fault", "/metrics.txt", "//hello"])
async def test_there_is_nothing_else(path: str):
    async with serving() as listener:
        assert (await get(listener.port, path))[0] == 404


@pytest.mark.parametrize(
    "request_line",
    [
        "POST /hello HTTP/1.1",
        "PUT /hello HTTP/1.1",
        "OPTIONS /hello HTTP/1.1",
        "GET /hello HTTP/1.1\nContent-Length: 9",
    ],
)
async def test_nothing_can_be_sent(request_line: str):
    async with serving() as listener:
        answer = await ask(listener.port, f"{request_line}\nHost: 127.0.0.1")
        assert answer.startswith("HTTP/1.1 405 ")


@pytest.mark.parametrize(
    "named", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example"]
)
async def test_a_name_that_somebody_else_could_own_is_refused(named: str):
    """A page from there, open in a browser on this machine, may read only what answers to its own name."""
    async with serving() as listener:
        assert (await get(listener.port, "/hello", named))[0] == 421


def test_who_is_named():
    ours = {"relay.example.org"}
    yes = ["127.0.0.1", "127.0.0.1:8766", "[::1]:8766", "[::1]", "localhost", "relay:8766", "Relay.Example.Org:8766"]
    assert [host for host in yes if not names_us(host, ours)] == []
    no = ["", ":80", "example.org", "a.relay.example.org", "relay.example.org.", "127.0.0.1.nip.io"]
    assert [host for host in no if names_us(host, ours)] == []


async def test_a_fault_is_told_without_what_it_met(caplog: pytest.LogCaptureFixture):
    async with serving() as listener:
        status, body = await get(listener.port, "/fault")
    assert (status, body) == (500, "internal error\n")
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


async def test_a_header_without_end_is_refused():
    async with serving() as listener:
        answer = await ask(listener.port, f"GET /hello HTTP/1.1\nHost: localhost\nX: {'x' * 10_000}")
        assert answer.split()[1] == "400"
        assert "xxx" not in answer
        many = "\n".join(f"X{number}: x" for number in range(100))
        answer = await ask(listener.port, f"GET /hello HTTP/1.1\nHost: localhost\n{many}")
        assert answer.split()[1] == "400"


async def test_who_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pages, "DEADLINE_S", 0.05)
    async with serving() as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


async def test_a_crowd_of_silent_ones_keeps_nobody_out():
    async with serving() as listener:
        silent = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(pages.MAX_CONNECTIONS * 3)]
        assert await get(listener.port, "/hello") == (200, "hello, \n")
        for _, writer in silent:
            writer.close()


async def test_a_port_that_is_taken_is_said():
    async with serving() as listener:
        with pytest.raises(CannotListen):
            await serve_pages({}, "127.0.0.1", listener.port)


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_it_answers_when_the_process_may_open_no_more_files(new_loop: Callable[[], asyncio.AbstractEventLoop]):
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(answers_without_descriptors())


async def answers_without_descriptors() -> None:
    async with serving() as listener:
        # Our own sockets are there before; each is connected by the kernel alone.
        asking = [socket.socket() for _ in range(12)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        taken = os.open(os.devnull, os.O_RDONLY)
        resource.setrlimit(resource.RLIMIT_NOFILE, (taken + 1, hard))
        try:
            assert not _can_open()
            answers = [await _ask_over(one, listener.port) for one in asking]
            async with asyncio.timeout(20):
                while _can_open():  # noqa: ASYNC110 - the last one's descriptor comes back when its socket is closed
                    await asyncio.sleep(0)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            os.close(taken)
            for one in asking:
                one.close()
        assert [answer.partition(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 200 OK"] * 12


def _can_open() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return False
    return True


async def _ask_over(one: socket.socket, port: int) -> bytes:
    loop = asyncio.get_running_loop()
    one.setblocking(False)
    answer = b""
    async with asyncio.timeout(20):
        await loop.sock_connect(one, ("127.0.0.1", port))
        await loop.sock_sendall(one, b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while piece := await loop.sock_recv(one, 4096):
            answer += piece
    return answer
