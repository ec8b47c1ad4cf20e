"""Opens a link over TCP and TLS 1.3 to a relay."""

from __future__ import annotations

import asyncio
from typing import Final

from tacit import limits
from tacit.net.bounds import Bounds
from tacit.net.dialing import open_tls, why_not
from tacit.net.errors import ConnectTimeout
from tacit.net.links import Target
from tacit.net.proxies import Proxy
from tacit.net.serving import QUIET_TICKS_TO_END
from tacit.net.tcp_link import TcpLink
from tacit.net.tls import client_context

QUIET_TICKS_TO_ASK: Final = 2
"""Of the client's clock: after a third of the time that ends the link."""


async def connect_tcp(
    target: Target,
    *,
    timeout_s: float,
    verify_name: bool = False,
    max_frame: int = limits.MAX_FRAME_BYTES,
    idle_timeout_s: float = limits.IDLE_TIMEOUT_S,
    proxy: Proxy | None = None,
) -> TcpLink:
    """Connect and agree on TLS 1.3, within ``timeout_s``.

    Raises one of the ``Unreachable`` family, or ``NameNotVerified``. Cancelling leaves no task and no socket behind.
    """
    where = f"{target.host}:{target.port}"
    bounds = Bounds(max_frame=max_frame, first_max_frame=max_frame, idle_timeout_s=idle_timeout_s)
    clock = _Clock(idle_timeout_s / QUIET_TICKS_TO_END)
    # No protocol is agreed on in TLS: a relay has a port for each.
    tls = client_context(verify_name=verify_name, alpn=())
    try:
        async with asyncio.timeout(timeout_s):
            link = await open_tls(
                target, lambda: TcpLink(bounds, on_end=clock.stop, ask_after=QUIET_TICKS_TO_ASK), tls, proxy
            )
    except TimeoutError:
        raise ConnectTimeout(where) from None
    except (OSError, ValueError) as error:
        raise why_not(error)(where) from error
    clock.start(link)
    return link


class _Clock:
    """Ticks for one link until that ends."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._next: asyncio.TimerHandle | None = None
        self._stopped = False

    def start(self, link: TcpLink) -> None:
        """Begin to tick, unless the link has ended already."""
        if not self._stopped:
            self._next = asyncio.get_running_loop().call_later(self._every_s, self._tick, link)

    def stop(self, _link: TcpLink) -> None:
        """Tick no more."""
        self._stopped = True
        if self._next is not None:
            self._next.cancel()

    def _tick(self, link: TcpLink) -> None:
        link.tick()
        self.start(link)
