"""Loops over conversations: closed, where a message that is done makes room for the next, and open, at a fixed rate."""

from __future__ import annotations

import asyncio
import gc
import resource
import time
from array import array
from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any, Final

import psutil

from bench.measure import percentile
from bench.relay.conversations import Conversation

SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "most": 1.0}

TICK_S: Final = 0.001
"""At a fixed rate, what is due is sent so often."""

LOOKS_EVERY_S: Final = 0.01
LAST_IN_S: Final = 10
"""How long the last messages may take to arrive before they count as lost."""


async def closed_loop(
    conversations: Sequence[Conversation], window: int, warm_s: float, seconds: float, pids: Sequence[int]
) -> dict[str, Any]:
    """Messages that were done in so many seconds, with ``window`` of each conversation on the way."""
    gc.collect()
    gc.freeze()
    for conversation in conversations:
        conversation.window = window
        conversation.go_on()
    await asyncio.sleep(warm_s)
    told = await _measured(conversations, seconds, pids)
    for conversation in conversations:
        conversation.window = 0
    return told | {"lost": await _settled(conversations)}


async def open_loop(
    conversations: Sequence[Conversation], rate: float, warm_s: float, seconds: float, pids: Sequence[int]
) -> dict[str, Any]:
    """Latencies while ``rate`` messages a second are sent, whatever comes back.

    A message is due at a tick and its latency counts from there, so a relay that lets the generator wait, or a
    generator that is late, is seen in the figures.
    """
    gc.collect()
    gc.freeze()
    sending = asyncio.create_task(_send(conversations, rate, warm_s + seconds))
    await asyncio.sleep(warm_s)
    told = await _measured(conversations, seconds, pids)
    sent = await sending
    return told | {"sent_per_s": sent / (warm_s + seconds), "lost": await _settled(conversations)}


def cpu_s(pids: Iterable[int]) -> float:
    """Processor seconds that these processes have taken so far."""
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


async def _measured(conversations: Sequence[Conversation], seconds: float, pids: Sequence[int]) -> dict[str, Any]:
    for conversation in conversations:
        conversation.latencies = array("d")
    done, theirs, ours = _done(conversations), cpu_s(pids), _own_cpu_s()
    acknowledged = sum(conversation.acknowledged for conversation in conversations)
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    done, theirs, ours = _done(conversations) - done, cpu_s(pids) - theirs, _own_cpu_s() - ours
    latencies = [seconds for conversation in conversations for seconds in conversation.latencies or ()]
    for conversation in conversations:
        conversation.latencies = None
    return {
        "seconds": took,
        "messages": done,
        "per_s": done / took,
        "acknowledged_per_s": (sum(c.acknowledged for c in conversations) - acknowledged) / took,
        "deliveries_per_s": len(latencies) / took,
        "cpu_s_per_1000": theirs / done * 1000 if done else 0.0,
        "cpu_share": theirs / took,
        "generator_share": ours / took,
        "latency_ms": {name: percentile(latencies, share) * 1e3 for name, share in SHARES.items()} if latencies else {},
    }


async def _send(conversations: Sequence[Conversation], rate: float, seconds: float) -> int:
    """Send what is due, one conversation after the other; returns how much that was."""
    loop, turns = asyncio.get_running_loop(), cycle(conversations)
    began, sent, tick = time.perf_counter(), 0, 0
    began_loop = loop.time()
    for tick in range(1, int(seconds / TICK_S) + 1):
        due_s = tick * TICK_S
        wait = began_loop + due_s - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        counts: dict[int, tuple[Conversation, int]] = {}
        for _ in range(int(due_s * rate) - sent):
            turn = next(turns)
            counts[id(turn)] = (turn, counts.get(id(turn), (turn, 0))[1] + 1)
        for turn, count in counts.values():
            turn.send(count, began + due_s)
            sent += count
    return sent


async def _settled(conversations: Sequence[Conversation]) -> int:
    """Wait until nothing is on the way; returns what never arrived."""
    for _ in range(int(LAST_IN_S / LOOKS_EVERY_S)):
        if not any(conversation.on_the_way for conversation in conversations):
            break
        await asyncio.sleep(LOOKS_EVERY_S)
    return sum(conversation.on_the_way for conversation in conversations)


def _done(conversations: Iterable[Conversation]) -> int:
    return sum(min(conversation.acknowledged, conversation.delivered) for conversation in conversations)


def _own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
