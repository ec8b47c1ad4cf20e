"""A listener that sends every frame back, in a process of its own: what a relay's latency cannot go below."""

from __future__ import annotations

import asyncio
import os
import time

import uvloop

from tacit import limits
from tacit.crypto.certificates import make_relay_certificate
from tacit.net import FrameLink
from tacit.net.tls import server_context
from tacit.net.ws_server import serve_ws


async def main() -> None:
    """Print the port, then serve until the process is ended."""

    async def echo(link: FrameLink) -> None:
        link.limit_frames(limits.MAX_FRAME_BYTES)
        while True:
            await link.send(await link.receive())

    tls = server_context(*make_relay_certificate(os.urandom(32), ["127.0.0.1"], time.time()))
    listener = await serve_ws(echo, "127.0.0.1", 0, tls)
    print(listener.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
