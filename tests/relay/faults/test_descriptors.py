"""A relay whose allowance of open files, or of memory, is used up. Hazard G10.

The allowances of a running process are lowered from outside, so that it meets them in the middle of its work.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tacit import limits
from tacit.errors import TacitError
from tacit.net import connect
from tacit.relay.control_lines import ask
from tacit.wire import relay_pb2 as pb
from tests.relay.peers import TIMEOUT_S, Peer, Someone, key_package, to_inbox
from tests.relay.test_processes import RelayProcess

pytestmark = pytest.mark.processes

MORE = 40
"""Open files that the relay may have besides those that it has when it idles."""

IDLE_S = 0.5


async def flood(port: int, count: int) -> list[asyncio.StreamWriter]:
    """Connections of strangers who say nothing."""
    opened = []
    for _ in range(count):
        with suppress(OSError):
            opened.append((await asyncio.open_connection("127.0.0.1", port))[1])
    return opened


async def cut(strangers: list[asyncio.StreamWriter]) -> None:
    for stranger in strangers:
        stranger.transport.abort()
        with suppress(OSError):
            await stranger.wait_closed()


def limit(relay: RelayProcess, which: int, most: int) -> None:
    _, hard = resource.prlimit(relay.process.pid, which)
    resource.prlimit(relay.process.pid, which, (most, hard))


async def works(peer: Peer, log: bytes) -> None:
    """Everything that somebody who is in may do is done."""
    seq = await peer.append(log, b"in the middle of it")
    (state,) = await peer.listen(log)
    assert state.last_seq == seq
    await peer.ask(pb.SenderKeysRequest(who=pb.Who(account_id=peer.someone.account.id)))
    await peer.ask(pb.PublishKeys(key_packages=[key_package(os.urandom(20))]))


async def join_soon(relay: RelayProcess) -> Peer:
    """Come in as somebody new, who tries again when turned away."""
    return await come_back(relay, Someone.new(), known=False)


async def come_back(relay: RelayProcess, someone: Someone, *, known: bool = True) -> Peer:
    async with asyncio.timeout(20):
        while True:
            with suppress(TacitError):
                link = await connect(relay.link, timeout_s=TIMEOUT_S)
                try:
                    peer = await Peer.over(link)
                    if not known:
                        await peer.register(someone)
                    await peer.login(someone)
                except TacitError:
                    await link.close()
                    raise
                return peer


async def test_g10_out_of_descriptors_those_who_are_in_are_served_and_the_operator_is_heard(tmp_path: Path) -> None:
    """No spinning, no dead listener; the store, the control socket and who is in have theirs."""
    relay = await RelayProcess.start(tmp_path)
    alice = await relay.join(Someone.new())
    log = await alice.create_log()
    process = psutil.Process(relay.process.pid)
    limit(relay, resource.RLIMIT_NOFILE, process.num_fds() + MORE)
    strangers = await flood(relay.link.port, 3 * MORE)
    await works(alice, log)
    assert process.num_fds() < resource.prlimit(relay.process.pid, resource.RLIMIT_NOFILE)[0], "some are left"
    told = await asyncio.to_thread(ask, tmp_path / "control.sock", "stats", {}, timeout_s=10)
    assert told
    before = sum(process.cpu_times()[:2])
    await asyncio.sleep(IDLE_S)
    assert sum(process.cpu_times()[:2]) - before < IDLE_S / 2, "what cannot be accepted is not tried all the time"
    bob = await join_soon(relay)
    await bob.create_log()
    await cut(strangers)
    for _ in range(3):
        await join_soon(relay)
    await works(alice, log)
    await relay.end(signal.SIGTERM)
    assert relay.process.returncode == 0
    assert relay.said.count(b"no-descriptors") == 1


async def test_g10_out_of_memory_whoever_asks_for_much_is_refused_or_cut_off_and_the_rest_goes_on(
    tmp_path: Path,
) -> None:
    """A relay that may have no more memory keeps its connections, its store and its control socket."""
    relay = await RelayProcess.start(tmp_path)
    alice, bob = await relay.join(Someone.new()), await relay.join(Someone.new())
    log = await alice.create_log()
    await works(alice, log)
    limit(relay, resource.RLIMIT_AS, psutil.Process(relay.process.pid).memory_info().vms + 8 * 2**20)
    large = to_inbox(alice.someone, os.urandom(limits.MAX_WELCOME_BYTES))
    refused = 0
    for _ in range(4):
        try:
            await bob.ask(large)
        except TacitError:
            refused += 1
        await works(alice, log)
        if bob.ended.is_set():
            await bob.close()
            bob = await come_back(relay, bob.someone)
    assert refused, "there was no memory for that"
    assert await asyncio.to_thread(ask, tmp_path / "control.sock", "stats", {}, timeout_s=10)
    limit(relay, resource.RLIMIT_AS, resource.RLIM_INFINITY)
    await bob.close()
    bob = await come_back(relay, bob.someone)
    assert await bob.ask(large)
    await works(alice, log)
    await relay.end(signal.SIGTERM)
    assert relay.process.returncode == 0
