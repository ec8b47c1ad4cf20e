"""A listener that sends every frame back, in a process of its own: what a relay's latency cannot go below."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvloop

from tacit import limits
from tacit.crypto.certificates import make_relay_certificate
from tacit.net import FrameLink
from tacit.net.grpc_served import serve_grpc
from tacit.net.tcp_served import serve_tcp
from tacit.net.tls import ALPN, H2, server_context
from tacit.net.ws_server import serve_ws

SERVE: Final[dict[str, Callable[..., Awaitable[Any]]]] = {"ws": serve_ws, "grpc": serve_grpc, "tcp": serve_tcp}


@contextmanager
def echoing(transport: str) -> Iterator[int]:
    """The port of a process that sends every frame back."""
    command = [sys.executable, "-m", "bench.echo", transport]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as echo:
        assert echo.stdout is not None
        try:
            yield int(echo.stdout.readline())
        finally:
            echo.terminate()


async def main(transport: str) -> None:
    """Print the port, then serve until the process is ended."""

    async def echo(link: FrameLink) -> None:
        link.limit_frames(limits.MAX_FRAME_BYTES)
        while True:
            await link.send_many(await link.receive_many())

    certificate = make_relay_certificate(os.urandom(32), ["127.0.0.1"], time.time())
    tls = server_context(*certificate, H2 if transport == "grpc" else ALPN)
    listener = await SERVE[transport](echo, "127.0.0.1", 0, tls)
    print(listener.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
