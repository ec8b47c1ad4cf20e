"""What a client is built on: links, time, randomness. Programs use the machine's own; tests put theirs here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from tacit.clock import Clock, SystemClock
from tacit.entropy import Entropy, system_entropy
from tacit.identity import RelayLink
from tacit.net import FrameLink, connect

CONNECT_TIMEOUT_S = 10.0


async def dial(relay: RelayLink, verify_name: bool, *, proxy: str = "") -> FrameLink:
    """Open a real link to a relay, through the proxy of ``ALL_PROXY`` unless another is named."""
    return await connect(relay, timeout_s=CONNECT_TIMEOUT_S, verify_name=verify_name, proxy=proxy)


def no_checkpoint(name: str) -> None:
    """Nothing happens between two effects."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The outside world of one client."""

    connect: Callable[[RelayLink, bool], Awaitable[FrameLink]] = dial
    clock: Clock = field(default_factory=SystemClock)
    entropy: Entropy = system_entropy
    checkpoint: Callable[[str], None] = no_checkpoint
    """Called by name between any two effects; a test that raises there is a crash."""


REAL = Parts()


def through(proxy: str) -> Parts:
    """The real world behind a proxy such as ``socks5h://127.0.0.1:9050``; empty for that of ``ALL_PROXY``."""
    return Parts(connect=partial(dial, proxy=proxy)) if proxy else REAL
